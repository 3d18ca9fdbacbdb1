# cmake --install: the engine as a CMake package, the programs, the licence. Nothing in it knows where it was built.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(SMX_BUILD_TOOLS)
  install(TARGETS smx smx-quantize RUNTIME)
endif()
if(SMX_FETCH_DEPENDENCIES AND (SMX_WITH_XNNPACK OR SMX_WITH_KISSFFT))
  # They lie in the build folder then, where no other project can find them; the programs have them inside.
  message(STATUS "smx: cmake --install will install the programs only, because XNNPACK and KissFFT are built here")
  return()
endif()

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/SparseMixer)
set_target_properties(smx_engine PROPERTIES EXPORT_NAME engine)
install(TARGETS smx_engine EXPORT SparseMixerTargets ARCHIVE INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY engine/include/smx TYPE INCLUDE FILES_MATCHING PATTERN "*.h")
install(EXPORT SparseMixerTargets NAMESPACE SparseMixer:: DESTINATION ${package_dir})

configure_package_config_file(platforms/cmake/SparseMixerConfig.cmake.in
  ${PROJECT_BINARY_DIR}/generated/SparseMixerConfig.cmake INSTALL_DESTINATION ${package_dir})
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/generated/SparseMixerConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/generated/SparseMixerConfig.cmake
              ${PROJECT_BINARY_DIR}/generated/SparseMixerConfigVersion.cmake DESTINATION ${package_dir})
if(SMX_WITH_XNNPACK)
  install(FILES platforms/cmake/FindXNNPACK.cmake DESTINATION ${package_dir})
endif()
if(SMX_WITH_KISSFFT)
  install(FILES platforms/cmake/FindKissFFT.cmake DESTINATION ${package_dir})
endif()
