// SPDX-License-Identifier: Apache-2.0
// Tests of the notification of departures, with a simulated clock.
#include <doctest/doctest.h>

#include <map>

#include "store/state.hpp"

namespace symmem::store {
namespace {

using namespace std::chrono_literals;

/// A group of `size` members; rank r is client 1 + r.
class Departures : private Outbox {
 public:
  explicit Departures(int size) {
    for (int rank = 0; rank < size; ++rank)
      ask(rank, {.kind = Kind::join,
                 .keys = {"world"},
                 .values = {"host"},
                 .numbers = {static_cast<std::uint64_t>(rank), static_cast<std::uint64_t>(size),
                             1000, 7}});
    id_ = decode_reply(last_reply_).values.at(0);
  }

  void leave(int rank) {
    ask(rank, {.kind = Kind::leave, .keys = {id_}, .numbers = {static_cast<std::uint64_t>(rank)}});
  }
  void gather(int rank) {
    ask(rank, {.kind = Kind::gather,
               .keys = {id_, "key"},
               .values = {""},
               .numbers = {static_cast<std::uint64_t>(rank)}});
  }
  void drop(int rank) {
    state_.drop(1 + static_cast<ClientId>(rank), "closed", now_);
    alarms_.run(now_);
  }
  void pass(std::chrono::milliseconds time) {
    now_ += time;
    alarms_.run(now_);
  }

  int pushes = 0;
  std::map<int, std::string> events;  ///< By rank, such as " 3 left 4 lost failed".

 private:
  void ask(int rank, Request request) {
    request.timeout = 10s;
    state_.handle({1 + static_cast<ClientId>(rank), ++requests_}, request, now_);
    alarms_.run(now_);
  }
  void reply(Ticket ticket, std::string_view body) override {
    last_reply_ = body;
    if (!body.empty() && body[0] != 0) events[static_cast<int>(ticket.client) - 1] += " failed";
  }
  void push(std::span<const ClientId> clients, const MembersGone& event) override {
    for (const ClientId client : clients) {
      ++pushes;
      for (const int rank : event.ranks)
        events[static_cast<int>(client) - 1] +=
            " " + std::to_string(rank) + (event.how == Departure::left ? " left" : " lost");
    }
  }
  const Process& process(ClientId) override { return process_; }

  const Process process_{"host", 1000, 7};
  Alarms alarms_;
  State state_{*this, alarms_, "seed", 10ms};
  Clock::time_point now_{1h};
  std::uint64_t requests_ = 0;
  std::string last_reply_, id_;
};

TEST_CASE("the first departure is pushed at once, and later departures are pushed together") {
  Departures group(5);
  group.leave(1);
  CHECK(group.events ==
        std::map<int, std::string>{{0, " 1 left"}, {2, " 1 left"}, {3, " 1 left"}, {4, " 1 left"}});
  group.events.clear();
  group.leave(2);
  group.drop(3);
  group.pass(9ms);
  CHECK(group.events.empty());
  group.pass(1ms);
  CHECK(group.events == std::map<int, std::string>{{0, " 2 left 3 lost"}, {4, " 2 left 3 lost"}});
  group.events.clear();
  group.pass(10ms);
  group.leave(4);
  CHECK(group.events == std::map<int, std::string>{{0, " 4 left"}});
}

TEST_CASE(
    "members are notified of a departure before they receive the errors of gathers that need the "
    "departed member") {
  Departures group(4);
  group.leave(1);
  group.events.clear();
  group.gather(0);
  CHECK(group.events == std::map<int, std::string>{{0, " failed"}});
  group.events.clear();
  Departures other(4);
  other.gather(0);
  other.drop(1);
  CHECK(other.events[0] == " 1 lost failed");
  other.events.clear();
  other.drop(2);
  other.gather(3);
  CHECK(other.events == std::map<int, std::string>{{3, " failed"}});
}

TEST_CASE("the end of a large job requires few messages") {
  constexpr int kSize = 1000;
  Departures group(kSize);
  for (int rank = 1; rank < kSize; ++rank) group.leave(rank);
  group.pass(10ms);
  // All remaining members are notified of the first departure. Rank 0 is notified of the other
  // departures in one message.
  CHECK(group.pushes == kSize - 1 + 1);
  CHECK(group.events[0].size() > 6 * kSize);
}

}  // namespace
}  // namespace symmem::store
