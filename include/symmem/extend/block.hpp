// SPDX-License-Identifier: Apache-2.0
/// Blocks: the memory that a system or driver call allocates whole, and that transports export.
///
/// For authors of transports, who export and attach blocks, and of allocators, who make them:
///
///   struct MyBlock : symmem::Block { ... };       // allocates and zeroes; its destructor frees
///   block->open.use(offset, bytes, [&] {          // a request of a peer arrived
///     std::memcpy(block->base + offset, payload, bytes);
///   });                                           // false: the range is not open, refuse it
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "symmem/api.hpp"
#include "symmem/device.hpp"

namespace SYMMEM_API symmem {

/// Identifies a block in a whole job: the random id of the Context that made it, and a number
/// there.
struct BlockId {
  std::uint64_t process = 0;
  std::uint64_t number = 0;

  friend auto operator<=>(const BlockId&, const BlockId&) = default;
};

/// The ranges of a block that peers may access now: those that are rendezvoused and not closed. A
/// transport that executes peers' requests at the target checks each request here, since requests
/// may arrive late or be forged. Offsets are bytes from the block's start. Calls may come from any
/// thread.
class OpenRanges {
 public:
  /// Opens a range. Open ranges are either equal, and count, or disjoint.
  void open(std::size_t offset, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    ranges_.emplace(offset, bytes);
  }
  /// Undoes one open(). Waits for the use() calls that run.
  void close(std::size_t offset, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    for (auto at = ranges_.lower_bound(offset); at != ranges_.end() && at->first == offset; ++at)
      if (at->second == bytes) return static_cast<void>(ranges_.erase(at));
  }
  /// Runs `use` if [offset, offset + bytes) lies in one open range, and returns whether it does.
  /// The range stays open meanwhile. `use` must be short and must not call this object: all other
  /// calls wait for it.
  template <typename Use>
  bool use(std::size_t offset, std::size_t bytes, Use&& use) {
    const std::lock_guard lock(mutex_);
    // Ranges are equal or disjoint: only the last that begins at or before `offset` can hold it.
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

/// Memory that one system or driver call allocates and that is exported whole: a memfd, a CUDA
/// allocation, or memory of the application. Zeroed when allocated. An allocation is a range of a
/// block.
class Block {
 public:
  /// Bytes that follow the usable ones in a block with a descriptor. They hold `id`, by which a
  /// transport verifies that it attached this block.
  static constexpr std::size_t kTokenBytes = 64;

  virtual ~Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  const BlockId id;
  std::byte* const base;
  const std::size_t bytes;  ///< Usable bytes from base.
  const Device device;
  /// The descriptor that maps the block in another process; the block closes it. -1 if there is
  /// none (memory that symmem did not allocate).
  const int descriptor;
  OpenRanges open;

 protected:
  Block(BlockId block_id, std::byte* at, std::size_t size, Device where, int fd)
      : id(block_id), base(at), bytes(size), device(where), descriptor(fd) {}
};

/// Makes blocks of one device type. Calls may come from any thread.
class BlockMaker {
 public:
  virtual ~BlockMaker() = default;
  virtual DeviceType device_type() const = 0;
  /// Allocates a block of at least `bytes`, rounded up to the system's granularity. Throws
  /// Error(exhausted) with the bytes requested and available.
  virtual std::shared_ptr<Block> make(BlockId id, std::size_t bytes, int device_index) = 0;
};

}  // namespace symmem
