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

/// Keeps the SymmetricMemory objects of a group alive until they are closed.
class MemoryHolder {
 public:
  virtual ~MemoryHolder() = default;
  /// Called after `memory` was detached. If `ok` is false, peers may still access the memory.
  virtual void on_closed(const SymmetricMemory& memory, bool ok) = 0;
};

/// The offset of a buffer in its block, and the key for access to the block. `key` is null if the
/// block is mapped.
struct RemoteRange {
  BlockKey* key = nullptr;
  std::size_t offset = 0;
};

/// How this process accesses the buffer and the pad of every rank. All vectors are indexed by rank.
struct PeerTables {
  std::vector<void*> buffers;  ///< Null if the rank's buffer is not mapped.
  std::vector<void*> pads;     ///< Null if the rank's pad is not mapped.
  std::vector<RemoteRange> buffer_keys;
  std::vector<PeerPad> peer_pads;
  std::vector<Route> routes;
};

/// The parts from which a rendezvous constructs a SymmetricMemory.
struct MemoryParts {
  std::weak_ptr<MemoryHolder> holder;
  std::shared_ptr<Group> group;
  std::string serial;
  int channels = 0;
  AllocationUse allocation;
  std::vector<PadLease> pads;  ///< Two for GPU memory: the network writes to the second.
  std::vector<std::unique_ptr<OpenRange>> open;  ///< One for the buffer and one for each pad.
  std::shared_ptr<Connections> connections;
  PeerTables tables;
  Gpu* gpu = nullptr;  ///< Null for host memory.
};

/// The state of a SymmetricMemory, and the checks at the start of each operation.
class SymmetricMemory::Impl {
 public:
  explicit Impl(MemoryParts parts);
  ~Impl();

  static std::shared_ptr<SymmetricMemory> make(MemoryParts parts) {
    return std::shared_ptr<SymmetricMemory>(
        new SymmetricMemory(std::make_unique<Impl>(std::move(parts))));
  }
  static Impl& of(const SymmetricMemory& memory) { return *memory.impl_; }

  /// Detaches from the peers' blocks and ends the peers' access by message. If `ok` is true, all
  /// peers have detached, and the range and the pads are reusable. Otherwise the range and the pads
  /// stay exported and mapped, because a peer may still access them. Only the first call has an
  /// effect.
  void detach(bool ok);
  /// Releases the exports. Called when the Context ends and peers no longer access this memory.
  void withdraw() { connections = std::make_shared<Connections>(); }

  void check_open(const char* operation) const {
    group->fork().check();
    if (closed.load(std::memory_order_acquire)) [[unlikely]]
      fail_closed(operation);
  }
  /// Calls check_open, and throws if a wait on the GPU has marked the memory as failed.
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
  /// Performs all checks of a data operation. Returns the address of `offset` in the buffer of
  /// `rank`, or null if the buffer is not mapped.
  std::byte* reach(int rank, std::size_t offset, std::size_t bytes, const char* operation) const {
    check_usable(operation);
    check_rank(rank, operation);
    group->check_peer(rank, operation);
    check_span(offset, bytes, operation);
    auto* base = static_cast<std::byte*>(tables.buffers[static_cast<std::size_t>(rank)]);
    return base == nullptr ? nullptr : base + offset;
  }
  /// Returns the state of GPU memory. Throws Error(unsupported) for host memory.
  const GpuState& on_gpu(const char* operation) const {
    check_open(operation);
    require(gpu != nullptr, Errc::unsupported, "{}: the memory is on {}, not on a GPU", operation,
            to_string(device));
    return *gpu;
  }
  /// Calls `use(key, base, wait)` for a rank whose buffer is not mapped; `base` is the offset of
  /// the buffer in the key's block.
  template <typename Use>
  auto by_key(int rank, const char* operation, Timeout timeout, Use use) const {
    PeerWait wait(*group, rank, operation, timeout);
    const RemoteRange& range = tables.buffer_keys[static_cast<std::size_t>(rank)];
    return wait.run([&] { return use(*range.key, range.offset, wait); });
  }
  void copy(void* to, const void* from, std::size_t bytes) const {
    if (!gpu) [[likely]]
      std::memcpy(to, from, bytes);
    else
      gpu->gpu().copy(to, from, bytes);
  }
  /// Implements SymmetricMemory::flush of one peer. Does not refuse memory that has failed.
  /// Releases the buffers of put_nbi and get_nbi whether it returns or throws.
  void flush(int peer, Timeout timeout) const;
  /// Flushes every peer, even after an error, and then throws the first error.
  void flush_all(const Deadline& deadline) const;

  const std::weak_ptr<MemoryHolder> holder;
  const std::shared_ptr<Group> group;
  /// Identifies the rendezvous that created this memory. close() compares it between the ranks.
  const std::string serial;
  AllocationUse allocation;             ///< Empty after detach.
  std::shared_ptr<Block> buffer_block;  ///< Held by views of this buffer; null after detach.
  const Device device;
  const std::size_t buffer_bytes;
  const std::string name;
  const PeerTables tables;
  std::atomic<bool> closed{false};
  std::shared_ptr<Connections> connections;
  /// The pads stay mapped until this object is destroyed, because a thread may still wait on a pad.
  std::vector<PadLease> pads;
  std::vector<std::unique_ptr<OpenRange>> open;
  std::unique_ptr<GpuState> gpu;  ///< Null for host memory.
  /// The last member, so that it is destroyed before the pad whose doorbell it rings.
  std::unique_ptr<Signals> signals;

 private:
  std::string quoted_name() const;
  // Not inlined, so that the hot path of an operation does not prepare the arguments of an error
  // message.
  [[noreturn]] void fail_closed(const char* operation) const;
  [[noreturn]] void fail_rank(int rank, const char* operation) const;
  [[noreturn]] void fail_span(std::size_t offset, std::size_t bytes, const char* operation) const;
};

}  // namespace symmem
