# What the toolchain files of Linux on ARM share. They set, before including this:
#
#   smx_triplet       of the compiler and the library folders, such as aarch64-linux-gnu
#   smx_architecture  Debian's name, such as arm64: the libraries lie in build/sysroot/<name>, which
#                     `tools/deps/install.sh --arm` makes; CMAKE_SYSROOT says otherwise
#   smx_emulator      runs the tests here, such as qemu-aarch64; QEMU_CPU in the environment says on which processor

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_CXX_COMPILER ${smx_triplet}-g++)
set(CMAKE_C_COMPILER ${smx_triplet}-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE ${smx_triplet})
if(NOT CMAKE_SYSROOT)
  get_filename_component(CMAKE_SYSROOT ${CMAKE_CURRENT_LIST_DIR}/../../build/sysroot/${smx_architecture} ABSOLUTE)
endif()
if(NOT EXISTS ${CMAKE_SYSROOT}/usr/lib/${smx_triplet})
  message(FATAL_ERROR "no libraries for ${smx_architecture} in ${CMAKE_SYSROOT}; tools/deps/install.sh --arm puts them there")
endif()

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

find_program(SMX_EMULATOR ${smx_emulator})
if(SMX_EMULATOR)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${SMX_EMULATOR} -L ${CMAKE_SYSROOT})
endif()
