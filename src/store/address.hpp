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

/// Resolves a host name or a numeric address to all its addresses. An IPv6 address may have
/// brackets. Throws Error(timeout) after `deadline`, and Error(invalid_argument) with the
/// resolver's reason if the host has no address.
std::vector<Address> resolve(const std::string& host, std::uint16_t port, const Deadline& deadline);

/// Throws Error(invalid_argument) unless all ports of the options are in 1 .. 65535, or the only
/// port is 0.
void check_ports(const TcpStoreOptions& options);

/// Returns a URL such as "tcp://127.0.0.1:4711" or "tcp://[::1]:4711".
std::string url_of(const std::string& host, std::uint16_t port);

}  // namespace symmem::store
