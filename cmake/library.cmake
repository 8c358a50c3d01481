# SPDX-License-Identifier: Apache-2.0
# Defines the library that users link; it consists of the objects of symmem_objects.
add_library(symmem)
add_library(symmem::symmem ALIAS symmem)
set_target_properties(symmem PROPERTIES
  VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
  LINKER_LANGUAGE CXX)
target_compile_features(symmem PUBLIC cxx_std_20)
target_sources(symmem PUBLIC FILE_SET HEADERS BASE_DIRS include FILES
  include/symmem/api.hpp
  include/symmem/buffer.hpp
  include/symmem/context.hpp
  include/symmem/cuda.hpp
  include/symmem/device.cuh
  include/symmem/device.hpp
  include/symmem/device_packets.cuh
  include/symmem/device_state.hpp
  include/symmem/device_view.hpp
  include/symmem/device_waits.cuh
  include/symmem/device_words.cuh
  include/symmem/dlpack.hpp
  include/symmem/types.hpp
  include/symmem/error.hpp
  include/symmem/key_value_store.hpp
  include/symmem/options.hpp
  include/symmem/symmem.hpp
  include/symmem/symmetric_memory.hpp
  include/symmem/tensor.hpp
  include/symmem/torch_compat.hpp
  include/symmem/extend/allocator.hpp
  include/symmem/extend/block.hpp
  include/symmem/extend/store.hpp
  include/symmem/extend/transport.hpp)

# Repeats the dependencies, because the package of a static library must name them.
target_link_libraries(symmem PRIVATE $<BUILD_INTERFACE:symmem_objects>
  Threads::Threads OpenSSL::Crypto fmt::fmt spdlog::spdlog
  $<$<BOOL:${SYMMEM_WITH_CUDA}>:CUDA::cudart_static>)

if(BUILD_SHARED_LIBS)
  set(exports ${CMAKE_CURRENT_SOURCE_DIR}/cmake/exports.map)
  target_link_options(symmem PRIVATE -Wl,--version-script=${exports})
  set_property(TARGET symmem APPEND PROPERTY LINK_DEPENDS ${exports})
endif()
