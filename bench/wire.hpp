// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/unique_handle.hpp"

namespace symmem::bench {

/// A blocking TCP connection on loopback, for floors and for the protocols of other servers. Throws
/// Error if a call fails.
class Wire {
 public:
  explicit Wire(std::uint16_t port);
  /// Takes ownership of a connected socket.
  explicit Wire(Fd socket);

  void send(std::string_view bytes);
  /// Receives exactly `count` bytes; the result is valid until the next call.
  std::string_view receive(std::size_t count);

 private:
  Fd socket_;
  std::string buffer_;
};

/// Bare TCP between processes. listen_anywhere() binds all addresses.
Fd listen_anywhere();
std::uint16_t port_of(const Fd& socket);
Fd accept_one(const Fd& listening);
Fd connect_to(const std::string& address, std::uint16_t port);

/// Starts a detached thread that echoes all bytes of one connection at a time. Returns its port.
std::uint16_t start_echo_server();

/// Returns a port of loopback that was free during the call.
std::uint16_t free_port();

}  // namespace symmem::bench
