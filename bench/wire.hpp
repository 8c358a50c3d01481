// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/unique_handle.hpp"

namespace symmem::bench {

/// A plain, blocking TCP connection on loopback: what a figure of the store is compared with, and
/// what speaks other servers' protocols. Errors throw.
class Wire {
 public:
  explicit Wire(std::uint16_t port);
  /// Takes over a connected socket.
  explicit Wire(Fd socket);

  void send(std::string_view bytes);
  /// Takes exactly `count` bytes; valid until the next call.
  std::string_view receive(std::size_t count);

 private:
  Fd socket_;
  std::string buffer_;
};

/// Bare TCP between processes: a socket that listens on every address, its port, and the two ends.
Fd listen_anywhere();
std::uint16_t port_of(const Fd& socket);
Fd accept_one(const Fd& listening);
Fd connect_to(const std::string& address, std::uint16_t port);

/// Echoes what comes over each connection until it closes, connections one after the other. Runs in
/// a thread that nobody joins: it ends with its process. Returns the port.
std::uint16_t start_echo_server();

/// A port of loopback that was free a moment ago.
std::uint16_t free_port();

}  // namespace symmem::bench
