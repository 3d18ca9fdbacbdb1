# The engine's libraries from pinned sources, for machines whose packages are too old. Needs git and a network.
include(FetchContent)
set(FETCHCONTENT_QUIET OFF)

set(FLATBUFFERS_BUILD_TESTS OFF CACHE BOOL "" FORCE)
set(FLATBUFFERS_INSTALL OFF CACHE BOOL "" FORCE)
FetchContent_Declare(flatbuffers
  GIT_REPOSITORY https://github.com/google/flatbuffers.git
  GIT_TAG 0100f6a5779831fa7a651e4b67ef389a8752bd9b)  # v23.5.26
FetchContent_MakeAvailable(flatbuffers)
set(SMX_FLATC $<TARGET_FILE:flatc>)
add_library(smx_flatbuffers INTERFACE)
target_include_directories(smx_flatbuffers SYSTEM INTERFACE ${flatbuffers_SOURCE_DIR}/include)

if(SMX_WITH_XNNPACK)
  set(XNNPACK_BUILD_TESTS OFF CACHE BOOL "" FORCE)
  set(XNNPACK_BUILD_BENCHMARKS OFF CACHE BOOL "" FORCE)
  set(XNNPACK_LIBRARY_TYPE static CACHE STRING "" FORCE)
  FetchContent_Declare(xnnpack
    GIT_REPOSITORY https://github.com/google/XNNPACK.git
    GIT_TAG 4ea82e595b36106653175dcb04b2aa532660d0d8)  # 2024-11-08, what Debian 13 has
  FetchContent_MakeAvailable(xnnpack)
  add_library(smx_fetched_xnnpack INTERFACE)
  target_link_libraries(smx_fetched_xnnpack INTERFACE XNNPACK pthreadpool)
  add_library(XNNPACK::XNNPACK ALIAS smx_fetched_xnnpack)
endif()

if(SMX_WITH_KISSFFT)
  # Its one file, without its own build, which would have -ffast-math.
  enable_language(C)
  FetchContent_Declare(kissfft
    GIT_REPOSITORY https://github.com/mborgerding/kissfft.git
    GIT_TAG 8f47a67f595a6641c566087bf5277034be64f24d  # 131.1.0, what Debian 12 and 13 have
    SOURCE_SUBDIR none)
  FetchContent_MakeAvailable(kissfft)
  add_library(smx_fetched_kissfft STATIC ${kissfft_SOURCE_DIR}/kiss_fft.c)
  target_include_directories(smx_fetched_kissfft SYSTEM PUBLIC ${kissfft_SOURCE_DIR})
  target_compile_definitions(smx_fetched_kissfft PUBLIC kiss_fft_scalar=float)
  set_target_properties(smx_fetched_kissfft PROPERTIES POSITION_INDEPENDENT_CODE ON)
  add_library(KissFFT::KissFFT ALIAS smx_fetched_kissfft)
endif()

if(SMX_WITH_HIGHWAY)
  FetchContent_Declare(highway
    GIT_REPOSITORY https://github.com/google/highway.git
    GIT_TAG 457c891775a7397bdb0376bb1031e6e027af1c48  # 1.2.0, what Debian 13 has
    SOURCE_SUBDIR none)
  FetchContent_MakeAvailable(highway)
  add_library(smx_highway INTERFACE)
  target_include_directories(smx_highway SYSTEM INTERFACE ${highway_SOURCE_DIR})
endif()
