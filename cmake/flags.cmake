# SPDX-License-Identifier: Apache-2.0
# Flags for all targets of this build. Programs that link symmem do not get them.
add_library(symmem_flags INTERFACE)
# Not -Wpedantic for CUDA: code that nvcc generates does not pass it.
target_compile_options(symmem_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wconversion>
  $<$<COMPILE_LANGUAGE:CUDA>:-std=c++20;-Xcompiler=-Wall,-Wextra>
  $<$<BOOL:${SYMMEM_WARNINGS_AS_ERRORS}>:$<IF:$<COMPILE_LANGUAGE:CUDA>,-Werror=all-warnings,-Werror>>)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 reports an overlap inside std::string: gcc.gnu.org/PR105651.
  target_compile_options(symmem_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
endif()

if(SYMMEM_SANITIZE)
  set(sanitize -fsanitize=${SYMMEM_SANITIZE} -fno-omit-frame-pointer)
  if(SYMMEM_SANITIZE MATCHES undefined)
    list(APPEND sanitize -fno-sanitize-recover=undefined)
  endif()
  if(SYMMEM_SANITIZE MATCHES thread)
    # TSan does not support Asio's fences. Without them Asio uses atomics, which TSan supports.
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

# For every target of this folder and those below.
link_libraries($<BUILD_INTERFACE:symmem_flags>)
