// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "harness/errors.hpp"
#include "harness/rank_threads.hpp"
#include "harness/ranks.hpp"
#include "harness/resources.hpp"
#include "symmem/key_value_store.hpp"
#include "symmem/symmem.hpp"
#include "symmem/torch_compat.hpp"

/// Helpers for tests that run several ranks through the public interface.
namespace symmem::harness {

/// Allocates `bytes` bytes of host memory.
inline Buffer<> allocate(Context& context, std::size_t bytes, const std::string& group = kWorld) {
  return context.allocate(bytes, AllocateOptions{.group = group});
}

/// Allocates a tensor of `bytes` bytes of host memory.
inline Tensor bytes_tensor(Context& context, std::int64_t bytes, const std::string& group = kWorld,
                           std::optional<std::uint64_t> alloc_id = {}) {
  return empty_strided_p2p(context, {bytes}, {1}, kUint8, {}, group, alloc_id);
}

/// Waits until every rank of the world has called this function with the same `point`. Uses the
/// store only, so it works after groups or SymmetricMemory objects have failed.
inline void await_all(Context& context, const std::string& point) {
  store_of(context)->barrier("await_all/" + point, context.world_size());
}

/// Puts this rank's number to the next rank. Checks the number received from the previous rank.
inline void check_ring(SymmetricMemory& memory) {
  const int size = memory.world_size(), rank = memory.rank();
  memory.put((rank + 1) % size, 0, std::span(&rank, 1));
  memory.barrier();
  CHECK(memory.peer(rank).as<int>()[0] == (rank + size - 1) % size);
  memory.barrier();
}

}  // namespace symmem::harness
