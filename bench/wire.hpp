// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/unique_handle.hpp"

namespace symmem::bench {

/// A blocking TCP connection on loopback, through which benchmarks reach echo servers, Redis and
/// store servers. Throws Error on failure.
class Wire {
 public:
  explicit Wire(std::uint16_t port);
  /// Owns a connected socket and makes it blocking.
  explicit Wire(Fd socket);

  void send(std::string_view bytes);
  /// Receives exactly `count` bytes, valid until the next call.
  std::string_view receive(std::size_t count);

 private:
  Fd socket_;
  std::string buffer_;
};

/// Plain TCP between processes. listen_anywhere returns a socket that listens on every address,
/// port_of its port, and accept_one and connect_to the two ends of a connection.
Fd listen_anywhere();
std::uint16_t port_of(const Fd& socket);
Fd accept_one(const Fd& listening);
Fd connect_to(const std::string& address, std::uint16_t port);

/// Starts an echo server in a detached thread that ends with the process. The server handles one
/// connection at a time. Returns the port.
std::uint16_t start_echo_server();

/// Returns a port of loopback that was free during the call.
std::uint16_t free_port();

}  // namespace symmem::bench
