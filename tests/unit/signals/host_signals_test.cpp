// SPDX-License-Identifier: Apache-2.0
#include "signals/host_signals.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <thread>

#include "harness/errors.hpp"
#include "harness/rank_threads.hpp"
#include "signals/wait_until.hpp"

using namespace symmem;
using namespace symmem::harness;
using std::chrono::milliseconds;

namespace {

constexpr int kChannels = 4;
const milliseconds kNow{0}, kAmple = std::chrono::seconds(60) * kSlow;

/// The pads of `size` ranks in plain memory, and a Signals object for each rank.
struct Pads {
  explicit Pads(int size) {
    const std::size_t words = SignalPad::bytes(kChannels, size) / sizeof(std::uint64_t);
    for (int rank = 0; rank < size; ++rank) {
      memory.emplace_back(words);
      views.emplace_back(reinterpret_cast<std::byte*>(memory.back().data()), size);
    }
    for (int rank = 0; rank < size; ++rank) {
      groups.push_back(std::make_shared<Group>("g", GroupInfo{rank, size, make_hash_store()},
                                               Process{}, kAmple));
      signals.push_back(std::make_unique<HostSignals>(
          *groups.back(), kChannels, std::vector<PeerPad>(views.begin(), views.end())));
    }
  }
  Signals& operator[](int rank) { return *signals[static_cast<std::size_t>(rank)]; }
  Group& group(int rank) { return *groups[static_cast<std::size_t>(rank)]; }
  SignalPad& view(int rank) { return views[static_cast<std::size_t>(rank)]; }

  std::vector<std::vector<std::uint64_t>> memory;
  std::vector<SignalPad> views;
  std::vector<std::shared_ptr<Group>> groups;
  std::vector<std::unique_ptr<Signals>> signals;
};

void run(int count, const std::function<void(int)>& body) {
  for (const auto& error : errors_of_threads(count, body))
    if (error) FAIL_CHECK(std::string(error->what()));
}

/// Waits until a thread sleeps on `pad`.
void await_sleeper(const SignalPad& pad) {
  while (std::atomic_ref(pad.doorbell().sleepers()).load() == 0) std::this_thread::yield();
}

}  // namespace

TEST_CASE("the counts of a pad are distinct 64-bit words inside the pad") {
  const int size = 3;
  std::vector<std::uint64_t> memory(SignalPad::bytes(kChannels, size) / 8);
  const SignalPad pad(reinterpret_cast<std::byte*>(memory.data()), size);
  for (int channel = 0; channel < kChannels; ++channel)
    for (int source = 0; source < size; ++source) {
      ++pad.signals(channel, source);
      ++pad.arrivals(channel, source);
    }
  for (std::size_t i = 0; i < memory.size(); ++i)
    CHECK(memory[i] == (i * 8 < SignalPad::kHeaderBytes ? 0 : 1));
}

TEST_CASE("each signal is consumed once, by a wait for its source and channel") {
  Pads pads(3);
  for (int i = 0; i < 5; ++i) pads[1].put(0, 2);
  pads[2].put(0, 2);
  for (int i = 0; i < 5; ++i) CHECK_NOTHROW(pads[0].wait(1, 2, kNow));
  check_error([&] { pads[0].wait(1, 2, kNow); }, Errc::timeout,
              {"channel 2", "\"g\"", "rank 1", "nothing was consumed"});
  CHECK_NOTHROW(pads[0].wait(2, 2, kNow));
  check_error([&] { pads[0].wait(1, 0, kNow); }, Errc::timeout);
  check_error([&] { pads[1].wait(0, 2, kNow); }, Errc::timeout);
}

TEST_CASE("no signal is lost between signaling threads and a sleeping thread") {
  constexpr int kSources = 3, kTimes = 2000;
  Pads pads(kSources + 1);
  run(2 * kSources, [&](int i) {
    const int source = 1 + i % kSources;
    if (i < kSources)
      for (int t = 0; t < kTimes; ++t) pads[source].put(0, source);
    else
      for (int t = 0; t < kTimes; ++t) pads[0].wait(source, source, kAmple);
  });
  for (int source = 1; source <= kSources; ++source)
    check_error([&] { pads[0].wait(source, source, kNow); }, Errc::timeout);
}

TEST_CASE("each signal from a slow source wakes a sleeping wait") {
  Pads pads(2);
  run(2, [&](int rank) {
    for (int i = 0; i < 100; ++i) {
      if (rank == 0) {
        pads[0].wait(1, 0, kAmple);
      } else {
        // Signals only while rank 0 sleeps, so that its wait times out if the doorbell does not
        // ring.
        await_sleeper(pads.view(0));
        pads[1].put(0, 0);
      }
    }
  });
}

TEST_CASE("a wait that times out consumes no signal, no matter when the signal arrives") {
  Pads pads(2);
  int timeouts = 0;
  run(2, [&](int rank) {
    constexpr int kTimes = 300;
    for (int i = 0; i < kTimes; ++i) {
      if (rank == 1) {
        pads[1].put(0, 0);
        continue;
      }
      while (error_of([&] { pads[0].wait(1, 0, kNow); })) ++timeouts;
    }
  });
  check_error([&] { pads[0].wait(1, 0, kNow); }, Errc::timeout);
}

TEST_CASE("a second concurrent wait for the same source is refused, and the first wait completes") {
  Pads pads(2);
  run(2, [&](int thread) {
    if (thread == 0) return pads[0].wait(1, 0, kAmple);
    await_sleeper(pads.view(0));
    check_error([&] { pads[0].wait(1, 0, kNow); }, Errc::invalid_argument,
                {"another thread", "rank 1", "channel 0"});
    pads[1].put(0, 0);
  });
}

TEST_CASE(
    "a barrier completes only after all ranks have entered the barrier, and consumes no signals") {
  constexpr int kRanks = 4, kRounds = 300;
  Pads pads(kRanks);
  std::atomic<int> arrived{0};
  run(kRanks, [&](int rank) {
    for (int round = 1; round <= kRounds; ++round) {
      pads[rank].put((rank + 1) % kRanks, round % kChannels);
      ++arrived;
      pads[rank].barrier(round % kChannels, kAmple);
      if (const int now = arrived; now < round * kRanks) FAIL_CHECK("early: " << now);
    }
    for (int round = 1; round <= kRounds; ++round)
      pads[rank].wait((rank + kRanks - 1) % kRanks, round % kChannels, kNow);
  });
}

TEST_CASE(
    "after a failed barrier, later barriers on its channel fail; signals and other channels stay "
    "usable") {
  Pads pads(3);
  check_error([&] { pads[0].barrier(1, kNow); }, Errc::timeout,
              {"channel 1", "missing", "rank 1", "rank 2"});
  check_error([&] { pads[0].barrier(1, kAmple); }, Errc::finished, {"channel 1", "failed"});
  // Rank 0 arrived at the barrier before its barrier failed, so it is not missing.
  check_error([&] { pads[1].barrier(1, kNow); }, Errc::timeout, {"missing: rank 2"});
  run(3, [&](int rank) { pads[rank].barrier(0, kAmple); });
  pads[1].put(0, 1);
  CHECK_NOTHROW(pads[0].wait(1, 1, kNow));
}

TEST_CASE("a barrier call is refused while another thread is in a barrier on the same channel") {
  Pads pads(2);
  run(2, [&](int thread) {
    if (thread == 0) return pads[0].barrier(3, kAmple);
    await_sleeper(pads.view(0));
    check_error([&] { pads[0].barrier(3, kNow); }, Errc::invalid_argument,
                {"another thread", "channel 3"});
    pads[1].barrier(3, kAmple);
  });
}

TEST_CASE(
    "a wait fails if it cannot complete because a member left, a member is lost or the store is "
    "lost") {
  const auto ends = [](Errc code, const std::string& why,
                       const std::function<void(Group&)>& event) {
    for (const bool barrier : {false, true}) {
      Pads pads(2);
      run(2, [&](int thread) {
        if (thread == 1) {
          await_sleeper(pads.view(0));
          return event(pads.group(0));
        }
        check_error([&] { barrier ? pads[0].barrier(0, kAmple) : pads[0].wait(1, 0, kAmple); },
                    code, {barrier ? "barrier" : "wait_signal", why});
      });
    }
  };
  ends(Errc::peer_lost, "rank 1 is lost",
       [](Group& group) { group.member_gone(1, Departure::lost, "connection closed"); });
  ends(Errc::peer_lost, "rank 1 left",
       [](Group& group) { group.member_gone(1, Departure::left, "said so"); });
  ends(Errc::store_lost, "store of group \"g\" is lost",
       [](Group& group) { group.store_lost("connection closed"); });
  ends(Errc::finished, "the end", [](Group& group) { group.leave_locally("the end"); });
}

TEST_CASE("signals that a member sent before it was lost still count") {
  Pads pads(2);
  pads[1].put(0, 0);
  pads.group(0).member_gone(1, Departure::lost, "killed");
  CHECK_NOTHROW(pads[0].wait(1, 0, kAmple));
  check_error([&] { pads[0].wait(1, 0, kAmple); }, Errc::peer_lost, {"killed"});
}

TEST_CASE("only the first departure report for a member is kept, and unknown ranks are ignored") {
  Pads pads(2);
  Group& group = pads.group(0);
  group.member_gone(7, Departure::lost, "no such rank");
  group.member_gone(-1, Departure::lost, "no such rank");
  CHECK_NOTHROW(group.check_peer(1, "put"));
  group.member_gone(1, Departure::lost, "first");
  group.member_gone(1, Departure::left, "second");
  check_error([&] { group.check_peer(1, "put"); }, Errc::peer_lost, {"put", "lost", "first"});
}

TEST_CASE("a channel out of range causes an error that names the operation") {
  Pads pads(1);
  CHECK_NOTHROW(pads[0].check_channel(kChannels - 1, "put_signal"));
  for (const int channel : {-1, kChannels})
    check_error([&] { pads[0].check_channel(channel, "put_signal"); }, Errc::invalid_argument,
                {"put_signal", std::to_string(channel), "0 to 3", "SYMMEM_CHANNELS"});
}
