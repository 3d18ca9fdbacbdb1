# KissFFT::KissFFT, of float32. Its own package names the target by how it was built and stops where that is not what it
# was asked for; looking for the library itself takes any.

find_path(KISSFFT_INCLUDE_DIR kiss_fft.h PATH_SUFFIXES kissfft)
find_library(KISSFFT_LIBRARY kissfft-float)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(KissFFT REQUIRED_VARS KISSFFT_LIBRARY KISSFFT_INCLUDE_DIR)
mark_as_advanced(KISSFFT_LIBRARY KISSFFT_INCLUDE_DIR)

if(KissFFT_FOUND AND NOT TARGET KissFFT::KissFFT)
  add_library(KissFFT::KissFFT UNKNOWN IMPORTED)
  set_target_properties(KissFFT::KissFFT PROPERTIES
    IMPORTED_LOCATION ${KISSFFT_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${KISSFFT_INCLUDE_DIR}
    INTERFACE_COMPILE_DEFINITIONS kiss_fft_scalar=float)
endif()
