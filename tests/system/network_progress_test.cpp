// SPDX-License-Identifier: Apache-2.0
#include <sched.h>

#include <atomic>
#include <string>

#include "harness/network.hpp"
#include "system/system.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

constexpr std::size_t kLarge = 1 << 20;
/// Offsets of two 64-bit words after the bytes that tests put, and the size of the buffer.
constexpr std::size_t kSum = kLarge, kGo = kLarge + 8, kBytes = kLarge + 16;

/// Loads the 64-bit word at `offset` of a buffer that this process has mapped.
std::int64_t load(char* buffer, std::size_t offset) {
  return std::atomic_ref(*reinterpret_cast<std::int64_t*>(buffer + offset)).load();
}

std::string first_bytes(const char* buffer) { return {buffer, kLarge}; }

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

/// Spins, without any symmem call, until the word at `offset` is `value`.
void compute_until(char* own, std::size_t offset, std::int64_t value) {
  while (load(own, offset) != value) {
  }
}

/// Runs `body(memory, own buffer)` on `count` ranks, once for each value of SYMMEM_PROGRESS.
template <typename Body>
void with_each_progress(int count, RanksSettings settings, Body body) {
  if (!can_use_ucx()) return;
  for (const char* progress : {"adaptive", "event", "spin"}) {
    settings.environment["SYMMEM_PROGRESS"] = progress;
    run_ranks(
        count,
        [&](Context& context) {
          const auto buffer = context.allocate<char>(kBytes);
          const auto memory = context.rendezvous(buffer);
          body(*memory, buffer.data());
          memory->close();
        },
        settings);
  }
}

template <typename Body>
void between_hosts(Body body) {
  with_each_progress(2, on_hosts(2), body);
}

/// Runs ranks 0 and 1 on two hosts and rank 2 on the host of rank 1. Rank 2 polls the buffer of
/// rank 1 through its mapping: it is another process, so this is no data race with a put.
template <typename Body>
void with_observer(Body body) {
  RanksSettings settings = on_hosts(3);
  settings.environment_of[2] = settings.environment_of[1];
  with_each_progress(3, settings, body);
}

}  // namespace

TEST_CASE("puts, gets and atomics complete while the target computes without a symmem call") {
  between_hosts([](SymmetricMemory& memory, char* own) {
    if (memory.rank() == 1) {
      compute_until(own, kGo, 1);
      CHECK(load(own, kSum) == 100);
      CHECK(first_bytes(own) == std::string(kLarge, 'x'));
      memory.wait_signal(0, 0, std::chrono::milliseconds(0));
      return;
    }
    const std::string large(kLarge, 'x');
    std::string got(kLarge, ' ');
    memory.put(1, 0, std::span(large));
    memory.flush(1);
    memory.get(1, 0, std::span(got));
    CHECK(got == large);
    memory.put(1, 0, bytes_of("y"));
    memory.flush(1);
    memory.get(1, 0, std::span(got).first(1));
    CHECK(got[0] == 'y');
    memory.put(1, 0, bytes_of("x"));
    for (std::int64_t i = 0; i < 100; ++i) CHECK(memory.fetch_add<std::int64_t>(1, kSum, 1) == i);
    memory.put_signal(1, 0);
    memory.swap<std::int64_t>(1, kGo, 1);
  });
}

TEST_CASE("operations complete while their sender computes without a further symmem call") {
  with_observer([](SymmetricMemory& memory, char* own) {
    // More than UCX accepts at once.
    constexpr int kSignals = 3000;
    const auto answer = [&](std::int64_t value) { memory.swap<std::int64_t>(0, kGo, value); };
    if (memory.rank() == 0) {
      const std::string large(kLarge, 'x');
      memory.put_nbi(1, 0, bytes_of(large));
      compute_until(own, kGo, 1);
      memory.flush();
      for (int i = 0; i < kSignals; ++i) memory.put_signal(1, 0);
      compute_until(own, kGo, 2);
      memory.put_with_signal(1, 0, bytes_of(large), 0);
      compute_until(own, kGo, 3);
      memory.put(1, kGo, std::span(&kLarge, 1));
      compute_until(own, kGo, 4);
    } else if (memory.rank() == 1) {
      for (int i = 0; i < kSignals; ++i) memory.wait_signal(0, 0);
      answer(2);
      memory.wait_signal(0, 0);
      answer(3);
    } else {
      char* const peer = memory.peer(1).as<char>().data();
      // The last byte may arrive before others, so compare all.
      while (first_bytes(peer) != std::string(kLarge, 'x')) ::sched_yield();
      answer(1);
      while (load(peer, kGo) != kLarge) ::sched_yield();
      answer(4);
    }
  });
}

TEST_CASE("puts and signals from several threads to one peer stay in order and are not lost") {
  between_hosts([](SymmetricMemory& memory, char* own) {
    constexpr int kThreads = 4, kRounds = 50;
    constexpr std::size_t kPiece = 32 << 10;
    const int other = 1 - memory.rank();
    const auto errors = errors_of_threads(kThreads, [&](int thread) {
      const auto at = static_cast<std::size_t>(thread) * kPiece;
      for (int round = 0; round < kRounds; ++round) {
        const std::string sent(kPiece, static_cast<char>('a' + (round + thread) % 26));
        memory.put_nbi(other, at, bytes_of(sent));
        memory.put_signal(other, thread);
        memory.wait_signal(other, thread);
        if (std::string(own + at, kPiece) != sent)
          FAIL_CHECK("thread " << thread << ": the signal of round " << round
                               << " arrived before the put");
        memory.flush(other);
        memory.barrier(thread);
      }
    });
    check_none(errors);
  });
}
