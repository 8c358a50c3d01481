# SPDX-License-Identifier: Apache-2.0
# Flags for everything that is built here, and never for those who link symmem.
add_library(symmem_flags INTERFACE)
# nvcc puts code of its own between ours and the compiler: of -Wpedantic it would not pass.
target_compile_options(symmem_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wconversion>
  $<$<COMPILE_LANGUAGE:CUDA>:-std=c++20;-Xcompiler=-Wall,-Wextra>
  $<$<BOOL:${SYMMEM_WARNINGS_AS_ERRORS}>:$<IF:$<COMPILE_LANGUAGE:CUDA>,-Werror=all-warnings,-Werror>>)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 sees an overlap in std::string's own code: gcc.gnu.org/PR105651.
  target_compile_options(symmem_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
endif()

if(SYMMEM_SANITIZE)
  set(sanitize -fsanitize=${SYMMEM_SANITIZE} -fno-omit-frame-pointer)
  if(SYMMEM_SANITIZE MATCHES undefined)
    list(APPEND sanitize -fno-sanitize-recover=undefined)
  endif()
  if(SYMMEM_SANITIZE MATCHES thread)
    # Asio's fences are unknown to TSan; without them it orders by atomics, which TSan knows.
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

# For this folder and those below, so that no target can be forgotten.
link_libraries($<BUILD_INTERFACE:symmem_flags>)
