// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dlfcn.h>

#include <string>

#include "base/check.hpp"

namespace symmem::cli {

/// Opens a library. The library stays open, because libraries such as libcuda start threads. Throws
/// Error(if_absent) if the library cannot be opened.
void* open_library(const std::string& path, Errc if_absent);

/// Returns the function `name` of `library`. Throws Error(refused) if the library does not define
/// it.
template <typename Function>
Function* function_of(void* library, const char* name) {
  void* found = ::dlsym(library, name);
  require(found != nullptr, Errc::refused, "the library has no function {}", name);
  return reinterpret_cast<Function*>(found);
}

}  // namespace symmem::cli
