# Linux on 64-bit ARM, built on Debian; see README.md.
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(smx_triplet aarch64-linux-gnu)
set(smx_architecture arm64)
set(smx_emulator qemu-aarch64)
include(${CMAKE_CURRENT_LIST_DIR}/../cmake/SmxDebianCross.cmake)
