// SPDX-License-Identifier: Apache-2.0
#include <sched.h>

#include <vector>

#include "harness/network.hpp"
#include "system/system.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

constexpr std::size_t kLarge = 1 << 20;
/// Behind the bytes that tests put: words of rank 1 that rank 0 changes.
constexpr std::size_t kSum = kLarge, kGo = kLarge + 8, kBytes = kLarge + 16;

std::int64_t load(const Tensor& own, std::size_t offset) {
  return std::atomic_ref(*reinterpret_cast<std::int64_t*>(own.data<char>() + offset)).load();
}

/// Uses the processor, and never the library, until the word is there.
void compute_until(const Tensor& own, std::size_t offset, std::int64_t value) {
  while (load(own, offset) != value) {
  }
}

/// Ranks with these settings, in each way of making progress.
template <typename Body>
void in_each_way(int count, RanksSettings settings, Body body) {
  if (!can_use_ucx()) return;
  for (const char* progress : {"adaptive", "event", "spin"}) {
    settings.environment["SYMMEM_PROGRESS"] = progress;
    run_ranks(
        count,
        [&](Context& context) {
          const Tensor tensor = bytes_tensor(context, kBytes);
          const auto memory = context.rendezvous(tensor);
          body(*memory, tensor);
          memory->close();
        },
        settings);
  }
}

template <typename Body>
void between_hosts(Body body) {
  in_each_way(2, on_hosts(2), body);
}

/// Two ranks on two hosts, and a third beside rank 1, which looks into that one's memory: there a
/// put without a signal is seen without a race, being of another process.
template <typename Body>
void with_onlooker(Body body) {
  RanksSettings settings = on_hosts(3);
  settings.environment_of[2] = settings.environment_of[1];
  in_each_way(3, settings, body);
}

}  // namespace

TEST_CASE("a rank that computes without calling the library serves puts, gets and atomics") {
  between_hosts([](SymmetricMemory& memory, const Tensor& own) {
    if (memory.rank() == 1) {
      compute_until(own, kGo, 1);
      CHECK(load(own, kSum) == 100);
      CHECK(std::string(own.data<char>(), kLarge) == std::string(kLarge, 'x'));
      memory.wait_signal(0, 0, std::chrono::milliseconds(0));
      return;
    }
    const std::string large(kLarge, 'x');
    std::string got(kLarge, ' ');
    memory.put(1, 0, large.data(), kLarge);
    memory.flush(1);
    memory.get(1, 0, got.data(), kLarge);
    CHECK(got == large);
    memory.put(1, 0, "y", 1);
    memory.flush(1);
    memory.get(1, 0, got.data(), 1);
    CHECK(got[0] == 'y');
    memory.put(1, 0, "x", 1);
    for (std::int64_t i = 0; i < 100; ++i) CHECK(memory.fetch_add<std::int64_t>(1, kSum, 1) == i);
    memory.put_signal(1, 0);
    memory.swap<std::int64_t>(1, kGo, 1);
  });
}

TEST_CASE("what was accepted arrives though its sender computes and never calls again") {
  with_onlooker([](SymmetricMemory& memory, const Tensor& own) {
    // More than UCX takes at once.
    constexpr int kSignals = 3000;
    const auto answer = [&](std::int64_t value) { memory.swap<std::int64_t>(0, kGo, value); };
    if (memory.rank() == 0) {
      const std::string large(kLarge, 'x');
      memory.put_nbi(1, 0, large.data(), kLarge);
      compute_until(own, kGo, 1);
      memory.flush();
      for (int i = 0; i < kSignals; ++i) memory.put_signal(1, 0);
      compute_until(own, kGo, 2);
      memory.put_with_signal(1, 0, large.data(), kLarge, 0);
      compute_until(own, kGo, 3);
      memory.put(1, kGo, &kLarge, sizeof kLarge);
      compute_until(own, kGo, 4);
    } else if (memory.rank() == 1) {
      for (int i = 0; i < kSignals; ++i) memory.wait_signal(0, 0);
      answer(2);
      memory.wait_signal(0, 0);
      answer(3);
    } else {
      const auto there = memory.get_buffer(1, {kBytes}, kUint8);
      // The last byte alone may come before others: look at all.
      while (std::string(there.data<char>(), kLarge) != std::string(kLarge, 'x')) ::sched_yield();
      answer(1);
      while (load(there, kGo) != kLarge) ::sched_yield();
      answer(4);
    }
  });
}

TEST_CASE("of what several threads put and signal to one peer nothing is overtaken or lost") {
  between_hosts([](SymmetricMemory& memory, const Tensor& own) {
    constexpr int kThreads = 4, kRounds = 50;
    constexpr std::size_t kPiece = 32 << 10;
    const int other = 1 - memory.rank();
    const auto errors = errors_of_threads(kThreads, [&](int thread) {
      const auto at = static_cast<std::size_t>(thread) * kPiece;
      for (int round = 0; round < kRounds; ++round) {
        const std::string sent(kPiece, static_cast<char>('a' + (round + thread) % 26));
        memory.put_nbi(other, at, sent.data(), kPiece);
        memory.put_signal(other, thread);
        memory.wait_signal(other, thread);
        if (std::string(own.data<char>() + at, kPiece) != sent)
          FAIL_CHECK("thread " << thread << ": the signal of round " << round << " came first");
        memory.flush(other);
        memory.barrier(thread);
      }
    });
    check_none(errors);
  });
}
