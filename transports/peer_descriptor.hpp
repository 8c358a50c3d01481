// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "base/refusal.hpp"
#include "fd_service/fd_service.hpp"

namespace symmem {

/// Fetches the descriptor that a peer's FdService offers under `token`. Throws Refusal if the
/// service does not return the descriptor: the service has ended, belongs to another user or does
/// not serve the token any more. Throws Error(timeout) or Error(exhausted) as fetch_fd does.
inline Fd fetch_peer_descriptor(const std::string& address, const std::string& token,
                                std::chrono::milliseconds timeout) {
  try {
    return fetch_fd(address, token, timeout);
  } catch (const Error& error) {
    if (error.code() != Errc::refused) throw;
    refuse("{}", error.what());
  }
}

}  // namespace symmem
