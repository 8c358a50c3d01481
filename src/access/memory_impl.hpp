// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "access/connections.hpp"
#include "allocation/allocation_table.hpp"
#include "allocation/open_range.hpp"
#include "allocation/pad_lease.hpp"
#include "base/check.hpp"
#include "signals/gpu_state.hpp"
#include "signals/peer_wait.hpp"
#include "signals/signals.hpp"
#include "symmem/symmetric_memory.hpp"

namespace symmem {

/// Keeps the memories of a group alive until they are closed.
class MemoryHolder {
 public:
  virtual ~MemoryHolder() = default;
  /// `memory` is detached. If not `ok`, peers may not have detached: they may still access it.
  virtual void on_closed(const SymmetricMemory& memory, bool ok) = 0;
};

/// A buffer's offset in a block that only a key reaches.
struct RemoteRange {
  BlockKey* key = nullptr;
  std::size_t offset = 0;
};

/// Every rank's buffer and pad as this process reaches them, by rank.
struct PeerTables {
  std::vector<void*> buffers;  ///< Null where no pointer reaches.
  std::vector<void*> pads;     ///< Likewise.
  std::vector<RemoteRange> buffer_keys;
  std::vector<PeerPad> peer_pads;
  std::vector<Route> routes;
};

/// What a rendezvous gives to the SymmetricMemory that it makes.
struct MemoryParts {
  std::weak_ptr<MemoryHolder> holder;
  std::shared_ptr<Group> group;
  std::string serial;
  int channels = 0;
  AllocationUse allocation;
  std::vector<PadLease> pads;  ///< For GPU memory two: the second is written by the network.
  std::vector<std::unique_ptr<OpenRange>> open;  ///< The buffer and the pads.
  std::shared_ptr<Connections> connections;
  PeerTables tables;
  Gpu* gpu = nullptr;  ///< Null for host memory.
};

/// The state of a SymmetricMemory and the checks that begin each operation.
class SymmetricMemory::Impl {
 public:
  explicit Impl(MemoryParts parts);
  ~Impl();

  static std::shared_ptr<SymmetricMemory> make(MemoryParts parts) {
    return std::shared_ptr<SymmetricMemory>(
        new SymmetricMemory(std::make_unique<Impl>(std::move(parts))));
  }
  static Impl& of(const SymmetricMemory& memory) { return *memory.impl_; }

  /// Detaches from the peers' blocks and ends peers' access by message. If `ok`, all peers have
  /// detached: range and pads are reusable. Else they stay exported and mapped, since a peer may
  /// still access them. Once; later calls do nothing.
  void detach(bool ok);
  /// Ends the exports, too: the Context ends and peers no longer access this memory.
  void withdraw() { connections = std::make_shared<Connections>(); }

  void check_open(const char* operation) const {
    group->fork().check();
    if (closed.load(std::memory_order_acquire)) [[unlikely]]
      fail_closed(operation);
  }
  /// check_open, and no wait on the GPU has failed the memory.
  void check_usable(const char* operation) const {
    check_open(operation);
    if (gpu) gpu->check(*group, operation);
  }
  void check_rank(int rank, const char* operation) const {
    if (rank < 0 || rank >= group->world_size()) [[unlikely]]
      fail_rank(rank, operation);
  }
  void check_span(std::size_t offset, std::size_t bytes, const char* operation) const {
    if (offset > buffer_bytes || bytes > buffer_bytes - offset) [[unlikely]]
      fail_span(offset, bytes, operation);
  }
  /// All checks of a data operation. Returns the address of `bytes` at `offset` of `rank`'s buffer;
  /// null if only a key reaches it.
  std::byte* reach(int rank, std::size_t offset, std::size_t bytes, const char* operation) const {
    check_usable(operation);
    check_rank(rank, operation);
    group->check_peer(rank, operation);
    check_span(offset, bytes, operation);
    auto* base = static_cast<std::byte*>(tables.buffers[static_cast<std::size_t>(rank)]);
    return base == nullptr ? nullptr : base + offset;
  }
  /// The state of GPU memory; Error(unsupported) for host memory.
  const GpuState& on_gpu(const char* operation) const {
    check_open(operation);
    require(gpu != nullptr, Errc::unsupported, "{}: the memory is on {}, not on a GPU", operation,
            to_string(device));
    return *gpu;
  }
  /// Calls `use(key, base, wait)` for a key peer; `base` is the buffer's offset in the key's block.
  template <typename Use>
  auto by_key(int rank, const char* operation, Timeout timeout, Use use) const {
    PeerWait wait(*group, rank, operation, timeout);
    const RemoteRange& range = tables.buffer_keys[static_cast<std::size_t>(rank)];
    return wait.run([&] { return use(*range.key, range.offset, wait); });
  }
  /// Copies between memory on the buffers' device and any memory usable with it.
  void copy(void* to, const void* from, std::size_t bytes) const {
    if (!gpu) [[likely]]
      std::memcpy(to, from, bytes);
    else
      gpu->gpu().copy(to, from, bytes);
  }
  /// SymmetricMemory::flush of one peer, also for memory that has failed. Returning or throwing, it
  /// has released the buffers of put_nbi and get_nbi.
  void flush(int peer, Timeout timeout) const;
  /// Flushes every peer, even after one failed; throws the first failure.
  void flush_all(const Deadline& deadline) const;

  const std::weak_ptr<MemoryHolder> holder;
  const std::shared_ptr<Group> group;
  /// Which rendezvous of the group made this: identifies the memory when it is closed.
  const std::string serial;
  AllocationUse allocation;             ///< Empty after detach.
  std::shared_ptr<Block> buffer_block;  ///< For views of the own buffer; null after detach.
  const Device device;
  const std::size_t buffer_bytes;
  const std::string name;
  const PeerTables tables;
  std::atomic<bool> closed{false};
  std::shared_ptr<Connections> connections;
  /// Mapped until this object ends: a thread that still waits on a pad is woken through it.
  std::vector<PadLease> pads;
  std::vector<std::unique_ptr<OpenRange>> open;
  std::unique_ptr<GpuState> gpu;     ///< Null for host memory.
  std::unique_ptr<Signals> signals;  ///< Last: destroyed before the pad whose doorbell it rings.

 private:
  // Not inline: the arguments of an error message would be spilled on each operation's hot path.
  std::string quoted_name() const;
  [[noreturn]] void fail_closed(const char* operation) const;
  [[noreturn]] void fail_rank(int rank, const char* operation) const;
  [[noreturn]] void fail_span(std::size_t offset, std::size_t bytes, const char* operation) const;
};

}  // namespace symmem
