# XNNPACK::XNNPACK, with pthreadpool. Debian ships no CMake package for it, and no version number in the header either:
# the probe compiles calls that 2024-11 has and earlier ones have not in this form.

find_path(XNNPACK_INCLUDE_DIR xnnpack.h)
find_library(XNNPACK_LIBRARY XNNPACK)
find_path(PTHREADPOOL_INCLUDE_DIR pthreadpool.h)
find_library(PTHREADPOOL_LIBRARY pthreadpool)

if(XNNPACK_INCLUDE_DIR AND XNNPACK_LIBRARY AND PTHREADPOOL_INCLUDE_DIR AND PTHREADPOOL_LIBRARY)
  include(CheckCXXSourceCompiles)
  include(CMakePushCheckState)
  cmake_push_check_state(RESET)
  set(CMAKE_REQUIRED_INCLUDES ${XNNPACK_INCLUDE_DIR} ${PTHREADPOOL_INCLUDE_DIR})
  set(CMAKE_REQUIRED_LIBRARIES ${XNNPACK_LIBRARY} ${PTHREADPOOL_LIBRARY})
  check_cxx_source_compiles("
    #include <xnnpack.h>
    int main() {
      xnn_operator_t op = nullptr;
      xnn_weights_cache_provider provider = {};
      float value = 1;
      signed char kernel = 1;
      return xnn_create_fully_connected_nc_qd8_f32_qc8w(1, 1, 1, 1, &value, &kernel, &value, 0, 1, 0, nullptr,
                                                        &provider, &op) +
             XNN_EXTRA_QUANTIZATION_PARAMS;
    }" XNNPACK_IS_2024_11)
  cmake_pop_check_state()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(XNNPACK REQUIRED_VARS XNNPACK_LIBRARY XNNPACK_INCLUDE_DIR PTHREADPOOL_LIBRARY
                                                        PTHREADPOOL_INCLUDE_DIR XNNPACK_IS_2024_11)
mark_as_advanced(XNNPACK_LIBRARY XNNPACK_INCLUDE_DIR PTHREADPOOL_LIBRARY PTHREADPOOL_INCLUDE_DIR)

if(XNNPACK_FOUND AND NOT TARGET XNNPACK::XNNPACK)
  add_library(XNNPACK::XNNPACK UNKNOWN IMPORTED)
  set_target_properties(XNNPACK::XNNPACK PROPERTIES
    IMPORTED_LOCATION ${XNNPACK_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES "${XNNPACK_INCLUDE_DIR};${PTHREADPOOL_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES ${PTHREADPOOL_LIBRARY})
endif()
