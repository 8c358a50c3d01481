// SPDX-License-Identifier: Apache-2.0
#include "ucx/library.hpp"

#include <dlfcn.h>
#include <limits.h>

#include <cstdlib>
#include <mutex>
#include <type_traits>

#include "base/doorbell.hpp"
#include "base/host.hpp"
#include "base/refusal.hpp"

namespace symmem::ucx {
namespace {

/// Sets the options that UCX reads while it is loaded, and the options that ucp_config_modify does
/// not set in every version. Keeps the values that the user has set.
void set_defaults() {
  const auto set = [](const char* name, const char* value) { ::setenv(name, value, 0); };
  // UCX must not install handlers for SIGSEGV and similar signals in the application's process.
  set("UCX_ERROR_SIGNALS", "");
  set("UCX_HANDLE_ERRORS", "none");
  // symmem reports lost peers; UCX would also print warnings and errors for them.
  set("UCX_LOG_LEVEL", "fatal");
  set("UCX_TCP_TX_SEG_SIZE", "256k");
  set("UCX_TCP_RX_SEG_SIZE", "256k");
#ifdef SYMMEM_TSAN
  // UCX's madvise hook crashes under ThreadSanitizer when a thread ends.
  set("UCX_MEM_MMAP_HOOK_MODE", "none");
#endif
}

}  // namespace

Library::Library(const std::string& path) : path_(path) {
  // While UCX up to 1.13 is loaded, it writes past the end of its buffer for the host name if the
  // name is longer.
  refuse_unless(host_name().size() < HOST_NAME_MAX,
                "UCX crashes with a host name of {} letters; shorten it", HOST_NAME_MAX);
  set_defaults();
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = ::dlerror();
    refuse("{} (install libucx, or set SYMMEM_UCX_LIBRARY to a libucp)",
           why == nullptr ? path.c_str() : why);
  }
  const auto find = [&](const char* name, auto& function) {
    function =
        reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
    refuse_unless(function != nullptr,
                  "{} has no function {}: it is not a libucp (SYMMEM_UCX_LIBRARY)", path, name);
  };
#define SYMMEM_UCP_FIND(name) find("ucp_" #name, name);
  SYMMEM_UCP_FUNCTIONS(SYMMEM_UCP_FIND)
#undef SYMMEM_UCP_FIND
  find("ucs_status_string", status_string);
  get_version(&major_, &minor_, &release_);
  refuse_unless(at_least(13), "{} is UCX {}; 1.13 or newer is needed", path, version());
}

const Library& Library::open(const std::string& path) {
  static std::mutex mutex;
  static const Library* opened = nullptr;  // Never freed, because the library is never closed.
  const std::lock_guard lock(mutex);
  if (opened == nullptr) opened = new Library(path);
  refuse_unless(opened->path_ == path,
                "this process has already opened {} and cannot open a second libucp, {}",
                opened->path_, path);
  return *opened;
}

std::string Library::version() const { return fmt::format("{}.{}.{}", major_, minor_, release_); }
std::string Library::generation() const { return fmt::format("{}.{}", major_, minor_); }

}  // namespace symmem::ucx
