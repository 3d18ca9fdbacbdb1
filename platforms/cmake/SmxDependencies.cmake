# What the engine is built on: XNNPACK::XNNPACK, KissFFT::KissFFT, smx_highway (headers) and smx_flatbuffers (headers)
# with SMX_FLATC (the schema compiler).
# Installed ones, or pinned sources with SMX_FETCH_DEPENDENCIES; never one in silence for the other.

set(ways_out [[
There are three ways on:
  tools/deps/install.sh               installs it (Debian 12 and 13), then configure again
  -DSMX_FETCH_DEPENDENCIES=ON         builds pinned sources of it, here
  -DSMX_WITH_XNNPACK=OFF, -DSMX_WITH_KISSFFT=OFF, -DSMX_WITH_HIGHWAY=OFF
                                      does without: right, but many times slower]])

if(SMX_WITH_HIGHWAY AND CMAKE_SYSTEM_PROCESSOR MATCHES "^arm" AND CMAKE_SIZEOF_VOID_P EQUAL 4)
  # Vectors of 32-bit ARM take subnormal numbers for 0 and cannot divide: not the reference's bits.
  set(SMX_WITH_HIGHWAY OFF)
endif()

if(SMX_FETCH_DEPENDENCIES)
  include(SmxFetchDependencies)
  return()
endif()

if(SMX_WITH_XNNPACK)
  find_package(XNNPACK MODULE QUIET)
  if(NOT XNNPACK_FOUND)
    message(FATAL_ERROR "smx needs XNNPACK of 2024-11 or newer with pthreadpool: "
                        "not found, or older (xnnpack.h: ${XNNPACK_INCLUDE_DIR}). ${ways_out}")
  endif()
endif()

if(SMX_WITH_KISSFFT)
  find_package(KissFFT MODULE QUIET)
  if(NOT KissFFT_FOUND)
    message(FATAL_ERROR "smx needs KissFFT of float32 (kiss_fft.h: ${KISSFFT_INCLUDE_DIR}, "
                        "kissfft-float: ${KISSFFT_LIBRARY}). ${ways_out}")
  endif()
endif()

if(SMX_WITH_HIGHWAY)
  find_path(SMX_HIGHWAY_INCLUDE_DIR hwy/highway.h)
  set(highway_version 0)
  if(SMX_HIGHWAY_INCLUDE_DIR)
    file(STRINGS ${SMX_HIGHWAY_INCLUDE_DIR}/hwy/base.h version_lines REGEX "#define HWY_(MAJOR|MINOR|PATCH) ")
    string(REGEX REPLACE "[^0-9]+" "." highway_version "${version_lines}")
    string(REGEX MATCH "[0-9][0-9.]*[0-9]" highway_version "${highway_version}")
  endif()
  if(highway_version VERSION_LESS 1.2)
    message(FATAL_ERROR "smx needs Highway 1.2 or newer, its headers: "
                        "not found, or older (${highway_version} in ${SMX_HIGHWAY_INCLUDE_DIR}). ${ways_out}")
  endif()
  add_library(smx_highway INTERFACE)
  target_include_directories(smx_highway SYSTEM INTERFACE ${SMX_HIGHWAY_INCLUDE_DIR})
endif()

find_program(SMX_FLATC flatc)
find_path(SMX_FLATBUFFERS_INCLUDE_DIR flatbuffers/flatbuffers.h)
if(NOT SMX_FLATC OR NOT SMX_FLATBUFFERS_INCLUDE_DIR)
  message(FATAL_ERROR "smx needs FlatBuffers 23.5 or newer, its header and flatc "
                      "(flatc: ${SMX_FLATC}, header: ${SMX_FLATBUFFERS_INCLUDE_DIR}). ${ways_out}")
endif()
file(STRINGS ${SMX_FLATBUFFERS_INCLUDE_DIR}/flatbuffers/base.h version_lines
     REGEX "#define FLATBUFFERS_VERSION_(MAJOR|MINOR|REVISION) ")
string(REGEX REPLACE "[^0-9]+" "." flatbuffers_version "${version_lines}")
string(REGEX MATCH "[0-9.]*[0-9]" flatbuffers_version "${flatbuffers_version}")
string(REGEX REPLACE "^\\." "" flatbuffers_version "${flatbuffers_version}")
if(flatbuffers_version VERSION_LESS 23.5)
  message(FATAL_ERROR "smx needs FlatBuffers 23.5 or newer, here is ${flatbuffers_version}. ${ways_out}")
endif()
add_library(smx_flatbuffers INTERFACE)
target_include_directories(smx_flatbuffers SYSTEM INTERFACE ${SMX_FLATBUFFERS_INCLUDE_DIR})
