// SPDX-License-Identifier: Apache-2.0
// A byte stream as frames of four clients, given to the store's state machine: whatever they ask
// for, each request gets one reply at most, and all get one by the end of time.
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
    // Who went is not waited for, and may still be part of a verdict.
    if (open.erase(ticket) == 0 && !gone.contains(ticket.client)) std::abort();
  }
  void push(std::span<const ClientId>, const MembersGone& event) override {
    if (decode_members_gone(encode(event)).ranks != event.ranks) std::abort();
  }
  const Process& process(ClientId client) override {
    if (gone.contains(client)) std::abort();
    return process_;
  }

  std::set<Ticket> open;
  std::set<ClientId> gone;

 private:
  const Process process_{"host", 1, 1};
};

constexpr Kind kGo{0}, kPassTime{255};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  CheckingOutbox outbox;
  Alarms alarms;
  State state(outbox, alarms, "fuzz", kTellEvery);
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
        if (frame->kind == kGo) {
          outbox.gone.insert(client);
          std::erase_if(outbox.open, [&](const Ticket& ticket) { return ticket.client == client; });
          state.drop(client, "gone", now);
          client = next_client++;
        } else if (frame->kind == kPassTime) {
          now += std::chrono::milliseconds(frame->id >> 32);
        } else {
          decode(*frame, request);
          const Ticket ticket{client, next_request++};
          outbox.open.insert(ticket);
          state.handle(ticket, request, now);
        }
        alarms.run(now);
      }
    } catch (const Error&) {  // No frame, or no request: the stream ends here.
      break;
    }
  }
  alarms.run(Clock::time_point::max());
  if (!outbox.open.empty() || alarms.next()) std::abort();
  return 0;
}
