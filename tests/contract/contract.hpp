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

/// What every transport must do. The tests name none, and no kind of memory: the ctest entry sets
/// SYMMEM_TRANSPORTS and HARNESS_DEVICE.
namespace symmem::contract {

using harness::check_error;
using Bytes = std::vector<std::byte>;
using Body = std::function<void(Context&)>;

/// Runs `body` on ranks that are processes, then on ranks that are threads. In a rank's process the
/// call for it does not return, hence the order.
inline void on_ranks(const Body& body,
                     std::source_location site = std::source_location::current()) {
  if (!harness::can_use_tested_device()) return;
  for (const int count : {2, 4}) harness::run_ranks(count, body, {}, site);
  for (const int count : {1, 3, 6})
    harness::run_threads(
        count, body, [](Options&) {}, site);
}

/// The same for what is to be refused. Then on ranks that are threads once more, which must leave
/// nothing: the first time a transport may keep things for ever. GPU memory has a test of its own.
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

/// A tensor of bytes and what the rendezvous made of it.
struct Shared {
  Tensor tensor;
  std::shared_ptr<SymmetricMemory> memory;

  /// The own buffer's bytes, read and written by the owner's pointer.
  Bytes look(std::size_t offset, std::size_t bytes) const {
    Bytes seen(bytes);
    harness::copy_on(tensor.device(), seen.data(), tensor.data<std::byte>() + offset, bytes);
    return seen;
  }
  void write(const Bytes& bytes) const {
    harness::copy_on(tensor.device(), tensor.data(), bytes.data(), bytes.size());
  }
  SymmetricMemory* operator->() const { return memory.get(); }
};

inline Shared share(Context& context, std::size_t bytes) {
  const auto size = static_cast<std::int64_t>(bytes);
  const Device device = harness::tested_device(context.rank());
  Shared shared{context.empty_strided_p2p({size}, {1}, kUint8, device), nullptr};
  shared.memory = context.rendezvous(shared.tensor);
  return shared;
}

/// Bytes that tell the writer, the target and the place apart: a piece of one long noise, since
/// making noise anew takes minutes under ThreadSanitizer.
inline Bytes pattern(int from, int to, std::size_t bytes) {
  constexpr std::size_t kStarts = 1 << 16, kLongest = 1 << 20;
  static const Bytes noise = [] {
    Bytes made(kStarts + kLongest);
    std::uint32_t state = 12345;
    for (std::byte& byte : made) {
      state = state * 1664525u + 1013904223u;
      byte = static_cast<std::byte>(state >> 24);
    }
    return made;
  }();
  const auto start = static_cast<std::size_t>(from * 1009 + to * 9176) % kStarts;
  const std::byte* at = noise.data() + start;
  return Bytes(at, at + bytes);
}

/// How often to repeat what takes `times` rounds: ranks that take turns at a GPU do fewer.
inline int rounds(const Context& context, int times) {
  const bool slow = harness::tests_gpu_memory() && harness::takes_turns(context.world_size());
  return slow ? std::max(1, times / 20) : times;
}

/// The next rank, around.
inline int next_of(const Context& context) { return (context.rank() + 1) % context.world_size(); }
inline int previous_of(const Context& context) {
  return (context.rank() + context.world_size() - 1) % context.world_size();
}

}  // namespace symmem::contract
