// SPDX-License-Identifier: Apache-2.0
/// Blocks: memory that one system or driver call allocates and that transports export as a unit.
///
/// For authors of transports, which export and attach blocks, and of allocators, which create
/// blocks:
///
///   struct MyBlock : symmem::Block { ... };       // Allocates zeroed memory and frees it.
///   block->open.use(offset, bytes, [&] {          // A request from a peer arrived.
///     std::memcpy(block->base + offset, payload, bytes);
///   });                                           // false: not open; refuse the request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "symmem/api.hpp"
#include "symmem/device.hpp"

namespace SYMMEM_API symmem {

/// Identifier of a block, unique in a job: the random id of the Context that created the block, and
/// a number that is unique in that Context.
struct BlockId {
  std::uint64_t process = 0;
  std::uint64_t number = 0;

  friend auto operator<=>(const BlockId&, const BlockId&) = default;
};

/// The ranges of a block that peers may access: ranges whose rendezvous is complete and that are
/// not closed. A transport that executes peers' requests at the target checks each request against
/// this object, because a request may arrive late or be forged. Offsets are in bytes from the start
/// of the block. Any thread may call any function.
class OpenRanges {
 public:
  /// Opens a range. Two open ranges are equal or disjoint; equal ranges are counted.
  void open(std::size_t offset, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    ranges_.emplace(offset, bytes);
  }
  /// Reverts one open(). Waits for running use() calls.
  void close(std::size_t offset, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    for (auto at = ranges_.lower_bound(offset); at != ranges_.end() && at->first == offset; ++at)
      if (at->second == bytes) return static_cast<void>(ranges_.erase(at));
  }
  /// Calls `use` if one open range contains [offset, offset + bytes), and returns whether it called
  /// `use`. The range stays open during the call. `use` must be short and must not call this
  /// object: all other calls wait until `use` returns.
  template <typename Use>
  bool use(std::size_t offset, std::size_t bytes, Use&& use) {
    const std::lock_guard lock(mutex_);
    // Ranges are equal or disjoint: only the last range that begins at or before `offset` can
    // contain `offset`.
    auto after = ranges_.upper_bound(offset);
    if (after == ranges_.begin()) return false;
    const auto& [begin, length] = *--after;
    if (bytes > length || offset - begin > length - bytes) return false;
    use();
    return true;
  }

 private:
  std::mutex mutex_;  ///< Guards ranges_.
  std::multimap<std::size_t, std::size_t> ranges_;
};

/// Memory that is exported as a unit: a memfd, a CUDA allocation, or memory that the application
/// provides. symmem zeroes the blocks that it allocates. An allocation is a range of a block.
class Block {
 public:
  /// Number of bytes that follow the usable bytes in a block with a descriptor. They contain `id`,
  /// with which a transport verifies that it attached this block.
  static constexpr std::size_t kTokenBytes = 64;

  virtual ~Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  const BlockId id;
  std::byte* const base;
  const std::size_t bytes;  ///< Number of usable bytes from base.
  const Device device;
  /// File descriptor with which another process maps the block. The block closes the descriptor.
  /// The value is -1 for a block without a descriptor (memory that symmem did not allocate).
  const int descriptor;
  OpenRanges open;

 protected:
  Block(BlockId block_id, std::byte* at, std::size_t size, Device where, int fd)
      : id(block_id), base(at), bytes(size), device(where), descriptor(fd) {}
};

/// Factory for blocks of one device type. Any thread may call any function.
class BlockMaker {
 public:
  virtual ~BlockMaker() = default;
  virtual DeviceType device_type() const = 0;
  /// Allocates a block of at least `bytes`, rounded up to the system's granularity. Throws
  /// Error(exhausted), which states the requested and the available bytes.
  virtual std::shared_ptr<Block> make(BlockId id, std::size_t bytes, int device_index) = 0;
};

}  // namespace symmem
