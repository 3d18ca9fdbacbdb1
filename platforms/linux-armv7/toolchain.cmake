# Linux on 32-bit ARM with hardware floating point, built on Debian; see README.md.
set(CMAKE_SYSTEM_PROCESSOR armv7)
set(smx_triplet arm-linux-gnueabihf)
set(smx_architecture armhf)
set(smx_emulator qemu-arm)
include(${CMAKE_CURRENT_LIST_DIR}/../cmake/SmxDebianCross.cmake)
