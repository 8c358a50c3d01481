// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/deadline.hpp"
#include "symmem/key_value_store.hpp"

namespace symmem::store {

/// A resolved address and port.
struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
  bool is_loopback() const;
  std::uint16_t port() const;
  Address with_port(std::uint16_t port) const;
};

/// All addresses of a name or address, brackets around IPv6 allowed. Throws Error(timeout) after
/// `deadline`, Error(invalid_argument) if there is none; for both with the resolver's reason.
std::vector<Address> resolve(const std::string& host, std::uint16_t port, const Deadline& deadline);

/// Throws Error(invalid_argument) unless the options' ports are all there: 1 to 65535, or one 0.
void check_ports(const TcpStoreOptions& options);

/// "tcp://127.0.0.1:4711", "tcp://[::1]:4711"
std::string url_of(const std::string& host, std::uint16_t port);

}  // namespace symmem::store
