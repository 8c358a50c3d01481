// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <source_location>
#include <vector>

#include "harness/device.hpp"
#include "harness/errors.hpp"
#include "harness/rank_threads.hpp"
#include "harness/ranks.hpp"
#include "harness/resources.hpp"
#include "symmem/symmem.hpp"
#include "symmem/torch_compat.hpp"

/// Tests the behaviour that every transport must have. The tests name no transport and no device:
/// the ctest entry sets SYMMEM_TRANSPORTS and HARNESS_DEVICE.
namespace symmem::contract {

using harness::check_error;
using Bytes = std::vector<std::byte>;
using Body = std::function<void(Context&)>;

/// Runs `body` on ranks that are processes, then on ranks that are threads. The processes run
/// first because in a rank's process run_ranks does not return.
inline void on_ranks(const Body& body,
                     std::source_location site = std::source_location::current()) {
  if (!harness::can_use_tested_device()) return;
  for (const int count : {2, 4}) harness::run_ranks(count, body, {}, site);
  for (const int count : {1, 3, 6})
    harness::run_threads(
        count, body, [](Options&) {}, site);
}

/// Calls on_ranks, then checks that another run on threads leaks nothing: a transport may keep
/// resources from its first use. Does not check GPU memory; another test checks its leaks.
inline void on_ranks_leaving_nothing(const Body& body,
                                     std::source_location site = std::source_location::current()) {
  on_ranks(body, site);
  if (harness::tests_gpu_memory()) return;
  const auto again = [&] {
    harness::run_threads(
        2, body, [](Options&) {}, site);
  };
  harness::leaving_nothing(again, site);
}

/// A buffer of bytes and its symmetric memory.
struct Shared {
  Buffer<> buffer;
  std::shared_ptr<SymmetricMemory> memory;

  /// Reads this rank's buffer through the owner's pointer.
  Bytes read(std::size_t offset, std::size_t bytes) const {
    Bytes copy(bytes);
    harness::copy_on(buffer.device(), copy.data(), buffer.data() + offset, bytes);
    return copy;
  }
  /// Writes to this rank's buffer through the owner's pointer.
  void write(const Bytes& bytes) const {
    harness::copy_on(buffer.device(), buffer.data(), bytes.data(), bytes.size());
  }
  SymmetricMemory* operator->() const { return memory.get(); }
};

inline Shared share(Context& context, std::size_t bytes) {
  Shared shared{context.allocate(bytes, harness::tested_device(context.rank())), nullptr};
  shared.memory = context.rendezvous(shared.buffer);
  return shared;
}

/// Returns bytes that differ between writers, targets and offsets. All calls return parts of one
/// random sequence: one sequence for each call would take minutes under ThreadSanitizer.
inline Bytes pattern(int from, int to, std::size_t bytes) {
  constexpr std::size_t kStarts = 1 << 16, kLongest = 1 << 20;
  static const Bytes random = [] {
    Bytes made(kStarts + kLongest);
    std::uint32_t state = 12345;
    for (std::byte& byte : made) {
      state = state * 1664525u + 1013904223u;
      byte = static_cast<std::byte>(state >> 24);
    }
    return made;
  }();
  const auto start = static_cast<std::size_t>(from * 1009 + to * 9176) % kStarts;
  const std::byte* at = random.data() + start;
  return Bytes(at, at + bytes);
}

/// Returns how many of `times` rounds to run. Ranks that share a GPU run fewer.
inline int rounds(const Context& context, int times) {
  const bool slow = harness::tests_gpu_memory() && harness::takes_turns(context.world_size());
  return slow ? std::max(1, times / 20) : times;
}

/// Return the next rank (next_of) and the previous rank (previous_of) in the ring of all ranks.
inline int next_of(const Context& context) { return (context.rank() + 1) % context.world_size(); }
inline int previous_of(const Context& context) {
  return (context.rank() + context.world_size() - 1) % context.world_size();
}

}  // namespace symmem::contract
