// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "store/message.hpp"

namespace symmem::store {

/// A connection, or what stands for one within a process. Never given twice.
using ClientId = std::uint64_t;

/// One request of one client, to be replied to once.
struct Ticket {
  ClientId client = 0;
  std::uint64_t request = 0;
  friend auto operator<=>(const Ticket&, const Ticket&) = default;
};

/// Takes what the store says to its clients. It must not call the store back.
class Outbox {
 public:
  virtual ~Outbox() = default;
  virtual void reply(Ticket ticket, std::string_view body) = 0;
  virtual void push(std::span<const ClientId> clients, const MembersGone& event) = 0;
  /// The client's process, for messages.
  virtual const Process& process(ClientId client) = 0;
};

}  // namespace symmem::store
