# SPDX-License-Identifier: Apache-2.0
# Installs the library, the headers, the symmem command, the CMake package and symmem.pc. The prefix
# is relocatable.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/symmem)
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(TARGETS symmem EXPORT symmem FILE_SET HEADERS)
install(EXPORT symmem NAMESPACE symmem:: FILE symmemTargets.cmake DESTINATION ${package_dir})
if(TARGET symmem_cli)
  file(RELATIVE_PATH bin_to_lib /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
  set_target_properties(symmem_cli PROPERTIES INSTALL_RPATH "$ORIGIN/${bin_to_lib}")
  install(TARGETS symmem_cli)
endif()

configure_package_config_file(cmake/symmemConfig.cmake.in symmemConfig.cmake
  INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(symmemConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/symmemConfig.cmake ${PROJECT_BINARY_DIR}/symmemConfigVersion.cmake
        DESTINATION ${package_dir})

# Programs that link the shared library do not need its dependencies.
if(NOT BUILD_SHARED_LIBS)
  set(pkgconfig_requires "spdlog, fmt, libcrypto")
  if(SYMMEM_WITH_CUDA)
    set(pkgconfig_cuda " -L${CUDAToolkit_LIBRARY_DIR} -lcudart_static -lrt -ldl")
  endif()
endif()
file(RELATIVE_PATH pkgconfig_to_prefix /${pkgconfig_dir} /)
string(REGEX REPLACE "/$" "" pkgconfig_to_prefix ${pkgconfig_to_prefix})
configure_file(cmake/symmem.pc.in symmem.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/symmem.pc DESTINATION ${pkgconfig_dir})
