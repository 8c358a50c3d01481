// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ucp/api/ucp.h>

#include <memory>
#include <string>

namespace symmem::ucx {

/// The library libucp, opened at run time. One binary therefore runs without UCX and with any UCX
/// from 1.13 on, and a program that does not use UCX has no signal handlers or hooks of UCX.
class Library {
 public:
  /// Returns the library of this process. The first call opens it with dlopen(`path`); it is never
  /// closed, because UCX starts threads. Throws Refusal if the library cannot be opened or is older
  /// than 1.13, or if a library with another path was opened before.
  static const Library& open(const std::string& path);

  std::string version() const;  ///< For example "1.13.1".
  /// Returns the part of the version that must be equal on both ranks, for example "1.13". Remote
  /// keys from a UCX in which this part differs cannot be unpacked.
  std::string generation() const;
  bool at_least(unsigned minor) const { return major_ > 1 || minor_ >= minor; }

// The functions of libucp that symmem calls, without the prefix "ucp_".
#define SYMMEM_UCP_FUNCTIONS(X) \
  X(get_version)                \
  X(context_query)              \
  X(config_read)                \
  X(config_modify)              \
  X(config_release)             \
  X(init_version)               \
  X(cleanup)                    \
  X(worker_create)              \
  X(worker_destroy)             \
  X(worker_query)               \
  X(worker_release_address)     \
  X(worker_get_efd)             \
  X(worker_arm)                 \
  X(worker_signal)              \
  X(worker_progress)            \
  X(worker_set_am_recv_handler) \
  X(ep_create)                  \
  X(ep_query)                   \
  X(ep_close_nbx)               \
  X(ep_flush_nbx)               \
  X(ep_rkey_unpack)             \
  X(rkey_destroy)               \
  X(rkey_pack)                  \
  X(rkey_buffer_release)        \
  X(mem_map)                    \
  X(mem_query)                  \
  X(mem_unmap)                  \
  X(put_nbx)                    \
  X(get_nbx)                    \
  X(am_send_nbx)                \
  X(request_free)
#define SYMMEM_UCP_POINTER(name) decltype(&::ucp_##name) name = nullptr;
  SYMMEM_UCP_FUNCTIONS(SYMMEM_UCP_POINTER)
#undef SYMMEM_UCP_POINTER
  decltype(&::ucs_status_string) status_string = nullptr;

 private:
  explicit Library(const std::string& path);

  std::string path_;
  unsigned major_ = 0, minor_ = 0, release_ = 0;
};

}  // namespace symmem::ucx
