// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/check.hpp"
#include "core/allocation.hpp"
#include "core/group_record.hpp"
#include "core/open_range.hpp"
#include "core/peer_wait.hpp"
#include "core/signals.hpp"
#include "symmem/symmetric_memory.hpp"

namespace symmem {

/// What a rendezvous hands to the SymmetricMemory it makes.
struct MemoryParts {
  std::shared_ptr<GroupRecord> record;
  std::shared_ptr<Allocation> allocation;
  std::shared_ptr<BlockPool> pad_pool;
  Range pad;
  std::vector<std::unique_ptr<OpenRange>> open;  ///< Of the buffer and the pad.
  std::shared_ptr<Connections> connections;
  std::vector<Description> described;
};

/// A buffer's block where only a key reaches, and where the buffer begins there.
struct KeyPlace {
  BlockKey* key = nullptr;
  std::size_t offset = 0;
};

class SymmetricMemory::Impl {
 public:
  explicit Impl(MemoryParts parts);
  ~Impl();

  /// Lets go of the peers' blocks. After a good close (`well`) the range and the pad may be used
  /// again; else they stay as they are, exported, since a peer may still write there. Once.
  void detach(bool well);
  /// Takes back the exports too: the Context ends.
  void withdraw();

  void check_open(const char* operation) const {
    group->fork().check();
    if (closed.load(std::memory_order_acquire)) [[unlikely]]
      fail(Errc::finished, "{}: this symmetric memory of group \"{}\" is closed", operation,
           group->name());
  }
  void check_rank(int rank, const char* operation) const {
    if (rank < 0 || rank >= group->world_size()) [[unlikely]]
      fail(Errc::invalid_argument, "{}: rank {} is out of range; group \"{}\" has ranks 0 to {}",
           operation, rank, group->name(), group->world_size() - 1);
  }
  /// Where `bytes` at `offset` of `rank`'s buffer are; null where only a key reaches. Every data
  /// operation begins with this.
  std::byte* reach(int rank, std::size_t offset, std::size_t bytes, const char* operation) const {
    check_open(operation);
    check_rank(rank, operation);
    group->check_peer(rank, operation);
    check_span(offset, bytes, operation);
    auto* base = static_cast<std::byte*>(buffer_ptrs[static_cast<std::size_t>(rank)]);
    return base == nullptr ? nullptr : base + offset;
  }
  /// Runs `use(key, place, wait)` for a peer without pointer: `place` is where the buffer begins in
  /// the key's block.
  template <typename Use>
  auto by_key(int rank, const char* operation, Timeout timeout, Use use) const {
    PeerWait wait(*group, rank, operation, timeout);
    const KeyPlace& key = buffer_keys[static_cast<std::size_t>(rank)];
    return wait.run([&] { return use(*key.key, key.offset, wait); });
  }
  PackedKey packed_key(int rank) const {
    check_open("packed");
    const KeyPlace& place = buffer_keys[static_cast<std::size_t>(rank)];
    PackedKey packed = place.key->packed();
    packed.address += place.offset;
    return packed;
  }
  void check_span(std::size_t offset, std::size_t bytes, const char* operation) const {
    if (offset > buffer_bytes || bytes > buffer_bytes - offset) [[unlikely]]
      fail(Errc::invalid_argument,
           "{}: {} bytes at offset {} go past the end of the buffer, which has {} bytes", operation,
           bytes, offset, buffer_bytes);
  }

  const std::shared_ptr<GroupRecord> record;
  const std::shared_ptr<Group> group;
  const std::shared_ptr<Allocation> allocation;
  const std::size_t buffer_bytes;
  /// Which rendezvous of the group made this: tells memories apart when they are closed.
  std::string serial;
  std::vector<void*> buffer_ptrs;
  std::vector<KeyPlace> buffer_keys;
  std::vector<void*> pad_ptrs;
  std::vector<Route> routes;
  std::atomic<bool> closed{false};
  std::shared_ptr<Connections> connections;
  const std::shared_ptr<BlockPool> pad_pool;
  const Range pad;
  std::vector<std::unique_ptr<OpenRange>> open;
  std::unique_ptr<Signals> signals;  ///< Last: it goes before the pad that it rings.
};

}  // namespace symmem
