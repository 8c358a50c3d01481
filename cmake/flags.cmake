# SPDX-License-Identifier: Apache-2.0
# Flags for all targets of this build. They do not apply to programs that link symmem.
add_library(symmem_flags INTERFACE)
# CUDA is compiled without -Wpedantic, which warns about code that nvcc generates.
target_compile_options(symmem_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wconversion>
  $<$<COMPILE_LANGUAGE:CUDA>:-std=c++20;-Xcompiler=-Wall,-Wextra>
  $<$<BOOL:${SYMMEM_WARNINGS_AS_ERRORS}>:$<IF:$<COMPILE_LANGUAGE:CUDA>,-Werror=all-warnings,-Werror>>)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 warns falsely about an overlap inside std::string: gcc.gnu.org/PR105651.
  target_compile_options(symmem_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
endif()

if(SYMMEM_SANITIZE)
  set(sanitize -fsanitize=${SYMMEM_SANITIZE} -fno-omit-frame-pointer)
  if(SYMMEM_SANITIZE MATCHES undefined)
    list(APPEND sanitize -fno-sanitize-recover=undefined)
  endif()
  if(SYMMEM_SANITIZE MATCHES thread)
    # TSan does not support the fences of Asio. With this definition Asio uses atomics, which TSan
    # supports.
    target_compile_definitions(symmem_flags INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
  endif()
  target_compile_options(symmem_flags INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${sanitize}>")
  target_link_options(symmem_flags INTERFACE ${sanitize})
  target_sources(symmem_flags INTERFACE
    $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:${CMAKE_CURRENT_LIST_DIR}/sanitizer_options.cpp>)
endif()

if(SYMMEM_FUZZ)
  target_compile_options(symmem_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Applies the flags to every target of this directory and its subdirectories.
link_libraries($<BUILD_INTERFACE:symmem_flags>)
