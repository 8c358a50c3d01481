// SPDX-License-Identifier: Apache-2.0
#include "ucx/library.hpp"

#include <dlfcn.h>
#include <limits.h>

#include <cstdlib>
#include <mutex>
#include <type_traits>

#include "base/check.hpp"
#include "base/doorbell.hpp"
#include "base/host.hpp"

namespace symmem::ucx {
namespace {

/// What UCX reads while it is loaded or initialised, and what its configuration calls do not reach
/// in every version. What the user has set stays.
void set_defaults() {
  const auto set = [](const char* name, const char* value) { ::setenv(name, value, 0); };
  // No handlers for SIGSEGV and its like in somebody else's program.
  set("UCX_ERROR_SIGNALS", "");
  set("UCX_HANDLE_ERRORS", "none");
  // A peer that goes is our matter; UCX would print it as a warning or an error.
  set("UCX_LOG_LEVEL", "fatal");
  set("UCX_TCP_TX_SEG_SIZE", "256k");
  set("UCX_TCP_RX_SEG_SIZE", "256k");
#ifdef SYMMEM_TSAN
  // Its hook of madvise does not survive the end of a thread under ThreadSanitizer.
  set("UCX_MEM_MMAP_HOOK_MODE", "none");
#endif
}

}  // namespace

Library::Library(const std::string& path) : path_(path) {
  // UCX up to 1.13 writes past the end of its copy of a longer one while it is loaded.
  require(host_name().size() < HOST_NAME_MAX, Errc::unsupported,
          "UCX does not stand a host name of {} letters; shorten it", HOST_NAME_MAX);
  set_defaults();
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = ::dlerror();
    fail(Errc::unsupported, "{} (install libucx, or name a libucp with SYMMEM_UCX_LIBRARY)",
         why == nullptr ? path.c_str() : why);
  }
  const auto find = [&](const char* name, auto& function) {
    function =
        reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
    require(function != nullptr, Errc::unsupported,
            "{} has no function {}: it is no libucp (SYMMEM_UCX_LIBRARY)", path, name);
  };
#define SYMMEM_UCP_FIND(name) find("ucp_" #name, name);
  SYMMEM_UCP_FUNCTIONS(SYMMEM_UCP_FIND)
#undef SYMMEM_UCP_FIND
  find("ucs_status_string", status_string);
  get_version(&major_, &minor_, &release_);
  require(at_least(13), Errc::unsupported, "{} is UCX {}; 1.13 or newer is needed", path,
          version());
}

const Library& Library::open(const std::string& path) {
  static std::mutex mutex;
  static const Library* opened = nullptr;  // Never freed, as the library is never closed.
  const std::lock_guard lock(mutex);
  if (opened == nullptr) opened = new Library(path);
  require(opened->path_ == path, Errc::unsupported,
          "this process has opened {} before; a second libucp, {}, cannot stand beside it",
          opened->path_, path);
  return *opened;
}

std::string Library::version() const { return fmt::format("{}.{}.{}", major_, minor_, release_); }
std::string Library::generation() const { return fmt::format("{}.{}", major_, minor_); }

}  // namespace symmem::ucx
