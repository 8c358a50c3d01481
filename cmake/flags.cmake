# SPDX-License-Identifier: Apache-2.0
# Flags for what is built here, never for those who link symmem.
add_library(symmem_flags INTERFACE)
target_compile_options(symmem_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
  $<$<BOOL:${SYMMEM_WARNINGS_AS_ERRORS}>:-Werror>)
