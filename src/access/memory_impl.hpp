// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/check.hpp"
#include "allocation/allocation.hpp"
#include "signals/gpu_state.hpp"
#include "rendezvous/group_record.hpp"
#include "allocation/open_range.hpp"
#include "allocation/pad_lease.hpp"
#include "signals/peer_wait.hpp"
#include "signals/signals.hpp"
#include "symmem/symmetric_memory.hpp"

namespace symmem {

/// What a rendezvous hands to the SymmetricMemory it makes.
struct MemoryParts {
  std::shared_ptr<GroupRecord> record;
  std::shared_ptr<Allocation> allocation;
  std::vector<PadLease> pads;  ///< Of GPU memory two: the second is written by network.
  std::shared_ptr<Gpu> gpu;    ///< Null for host memory.
  std::vector<std::unique_ptr<OpenRange>> open;  ///< Of the buffer and the pad.
  std::shared_ptr<Connections> connections;
  std::vector<Description> described;
};

/// A buffer's block where only a key reaches, and where the buffer begins there.
struct RemoteRange {
  BlockKey* key = nullptr;
  std::size_t offset = 0;
};

/// The caller's own side of a copy. Whether it may be touched only the caller knows.
inline void check_local(const void* local, std::size_t bytes, const char* operation) {
  if (local == nullptr && bytes != 0) [[unlikely]]
    fail(Errc::invalid_argument, "{}: the local pointer is null, with {} bytes to copy", operation,
         bytes);
  constexpr std::uintptr_t kMax = std::numeric_limits<std::uintptr_t>::max();
  if (bytes > kMax - reinterpret_cast<std::uintptr_t>(local)) [[unlikely]]
    fail(Errc::invalid_argument,
         "{}: {} bytes from the local pointer {} on go past the end of the address space",
         operation, bytes, local);
}

class SymmetricMemory::Impl {
 public:
  explicit Impl(MemoryParts parts);
  ~Impl();

  /// Lets go of the peers' blocks and of the group's own. After a good close (`well`) the range and
  /// the pad may be used again; else they stay as they are, exported, since a peer may still write
  /// there. Once.
  void detach(bool well);
  /// Takes back the exports too: the Context ends.
  void withdraw();

  void check_open(const char* operation) const {
    group->fork().check();
    if (closed.load(std::memory_order_acquire)) [[unlikely]]
      fail(Errc::finished, "{}: this symmetric memory of group \"{}\" is closed", operation,
           group->name());
  }
  /// The same, and that no wait on the GPU has failed the memory.
  void check_usable(const char* operation) const {
    check_open(operation);
    if (gpu) gpu->check(*group, operation);
  }
  void check_rank(int rank, const char* operation) const {
    if (rank < 0 || rank >= group->world_size()) [[unlikely]]
      fail(Errc::invalid_argument, "{}: rank {} is out of range; group \"{}\" has ranks 0 to {}",
           operation, rank, group->name(), group->world_size() - 1);
  }
  /// Where `bytes` at `offset` of `rank`'s buffer are; null where only a key reaches. Every data
  /// operation begins with this.
  std::byte* reach(int rank, std::size_t offset, std::size_t bytes, const char* operation) const {
    check_usable(operation);
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
    const RemoteRange& key = buffer_keys[static_cast<std::size_t>(rank)];
    return wait.run([&] { return use(*key.key, key.offset, wait); });
  }
  PackedKey packed_key(int rank) const {
    check_open("packed");
    check_rank(rank, "packed");
    const RemoteRange& place = buffer_keys[static_cast<std::size_t>(rank)];
    require(place.key != nullptr, Errc::unsupported, "packed: {} is reached by pointer, not by key",
            group->describe(rank));
    PackedKey packed = place.key->packed();
    packed.address += place.offset;
    return packed;
  }
  /// Between memory of the kind of the buffers and any that the caller may use with it.
  void copy(void* to, const void* from, std::size_t bytes) const {
    if (!gpu) [[likely]]
      std::memcpy(to, from, bytes);
    else
      gpu->gpu().copy(to, from, bytes);
  }
  /// Waits until all before has taken effect at `peer`, also in memory that has failed. Returning
  /// or throwing, it has let go of what put_nbi and get_nbi were lent.
  void flush(int peer, Timeout timeout) const;
  /// The same for every peer, also behind one that fails; throws the first failure.
  void flush_all(const Deadline& deadline) const;
  void check_span(std::size_t offset, std::size_t bytes, const char* operation) const {
    if (offset > buffer_bytes || bytes > buffer_bytes - offset) [[unlikely]]
      fail(Errc::invalid_argument,
           "{}: {} bytes at offset {} go past the end of the buffer, which has {} bytes", operation,
           bytes, offset, buffer_bytes);
  }

  /// The record holds the memory until it is closed; a closed one must not hold the record.
  const std::weak_ptr<GroupRecord> record;
  const std::shared_ptr<Group> group;
  std::shared_ptr<Allocation> allocation;  ///< Null after a good close.
  const Device device;
  const std::size_t buffer_bytes;
  /// Which rendezvous of the group made this: tells memories apart when they are closed.
  std::string serial;
  std::vector<void*> buffer_ptrs;
  std::vector<RemoteRange> buffer_keys;
  std::vector<void*> pad_ptrs;
  std::vector<Route> routes;
  std::atomic<bool> closed{false};
  std::shared_ptr<Connections> connections;
  /// Their memory stays: a thread that still waits there is woken by way of it.
  std::vector<PadLease> pads;
  std::vector<std::unique_ptr<OpenRange>> open;
  std::unique_ptr<GpuState> gpu;     ///< Null for host memory.
  std::unique_ptr<Signals> signals;  ///< Last: it goes before the pad that it rings.

 private:
  std::vector<PeerPad> find_peers(const std::vector<Description>& described);
};

}  // namespace symmem
