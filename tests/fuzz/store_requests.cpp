// SPDX-License-Identifier: Apache-2.0
// Passes the input to the store's State as frames from four clients. Each request must receive at
// most one reply, and exactly one reply when all deadlines have expired.
#include <cstdlib>
#include <set>

#include "store/limits.hpp"
#include "store/state.hpp"

using namespace symmem;
using namespace symmem::store;

namespace {

class CheckingOutbox : public Outbox {
 public:
  void reply(Ticket ticket, std::string_view body) override {
    try {
      decode_reply(body);
    } catch (const Error& error) {
      if (error.code() == Errc::internal) std::abort();
    }
    // A disconnected client has no open requests, but State may still send a reply to the client.
    if (open.erase(ticket) == 0 && !disconnected.contains(ticket.client)) std::abort();
  }
  void push(std::span<const ClientId>, const MembersGone& event) override {
    if (decode_members_gone(encode(event)).ranks != event.ranks) std::abort();
  }
  const Process& process(ClientId client) override {
    if (disconnected.contains(client)) std::abort();
    return process_;
  }

  std::set<Ticket> open;
  std::set<ClientId> disconnected;

 private:
  const Process process_{"host", 1, 1};
};

constexpr Kind kDisconnect{0}, kAdvanceTime{255};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  CheckingOutbox outbox;
  Alarms alarms;
  State state(outbox, alarms, "fuzz", kNotifyInterval);
  FrameReader frames(kMaxFrameBytes);
  Request request;
  Clock::time_point now{};
  ClientId clients[4] = {1, 2, 3, 4};
  ClientId next_client = 5;
  std::uint64_t next_request = 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  for (std::size_t at = 0; at < input.size();) {
    const auto space = frames.space();
    const std::size_t count = input.copy(space.data(), space.size(), at);
    frames.filled(count);
    at += count;
    try {
      while (const auto frame = frames.next()) {
        ClientId& client = clients[frame->id % 4];
        if (frame->kind == kDisconnect) {
          outbox.disconnected.insert(client);
          std::erase_if(outbox.open, [&](const Ticket& ticket) { return ticket.client == client; });
          state.drop(client, "disconnected", now);
          client = next_client++;
        } else if (frame->kind == kAdvanceTime) {
          now += std::chrono::milliseconds(frame->id >> 32);
        } else {
          decode(*frame, request);
          const Ticket ticket{client, next_request++};
          outbox.open.insert(ticket);
          state.handle(ticket, request, now);
        }
        alarms.run(now);
      }
    } catch (const Error&) {  // Invalid input ends the stream.
      break;
    }
  }
  alarms.run(Clock::time_point::max());
  if (!outbox.open.empty() || alarms.next()) std::abort();
  return 0;
}
