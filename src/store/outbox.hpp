// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "store/message.hpp"

namespace symmem::store {

/// Identifies a client. Never reused.
using ClientId = std::uint64_t;

/// Identifies one request of one client. Each request receives one reply.
struct Ticket {
  ClientId client = 0;
  std::uint64_t request = 0;
  friend auto operator<=>(const Ticket&, const Ticket&) = default;
};

/// Interface through which a State sends replies and pushes to clients. An implementation must not
/// call the State.
class Outbox {
 public:
  virtual ~Outbox() = default;
  virtual void reply(Ticket ticket, std::string_view body) = 0;
  virtual void push(std::span<const ClientId> clients, const MembersGone& event) = 0;
  /// Returns the client's process, for error messages.
  virtual const Process& process(ClientId client) = 0;
};

}  // namespace symmem::store
