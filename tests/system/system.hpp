// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "harness/errors.hpp"
#include "harness/rank_threads.hpp"
#include "harness/ranks.hpp"
#include "harness/resources.hpp"
#include "symmem/symmem.hpp"

/// For tests of several ranks through the public interface alone.
namespace symmem::harness {

/// A tensor of `bytes` single bytes.
inline Tensor bytes_tensor(Context& context, std::int64_t bytes, const std::string& group = kWorld,
                           std::optional<std::uint64_t> alloc_id = {}) {
  return context.empty_strided_p2p({bytes}, {1}, kUint8, {}, group, alloc_id);
}

/// Waits until every rank of the world came here, whatever became of groups and memory.
inline void meet(Context& context, const std::string& where) {
  store_of(context)->barrier("meet/" + where, context.world_size());
}

/// Lets the ranks of a memory find each other: each writes its rank to the next one.
inline void check_ring(SymmetricMemory& memory, const Tensor& own) {
  const int size = memory.world_size(), rank = memory.rank();
  memory.put((rank + 1) % size, 0, &rank, sizeof rank);
  memory.barrier();
  CHECK(*own.data<int>() == (rank + size - 1) % size);
  memory.barrier();
}

}  // namespace symmem::harness
