// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dlfcn.h>

#include <string>

#include "base/check.hpp"

namespace symmem::cli {

/// Opens a library and never closes it, because such libraries start threads. Throws
/// Error(if_absent).
void* open_library(const std::string& path, Errc if_absent);

/// Returns a function of `library`. Throws Error(refused) if it has none of that name.
template <typename Function>
Function* function_of(void* library, const char* name) {
  void* found = ::dlsym(library, name);
  require(found != nullptr, Errc::refused, "the library has no function {}", name);
  return reinterpret_cast<Function*>(found);
}

}  // namespace symmem::cli
