// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "symmem/api.hpp"
#include "symmem/device.hpp"

namespace SYMMEM_API symmem {

/// Tells blocks apart in a whole job: the random id of the Context that made it, and a count there.
struct BlockId {
  std::uint64_t process = 0;
  std::uint64_t number = 0;

  friend auto operator<=>(const BlockId&, const BlockId&) = default;
};

/// The parts of a block that peers may use now: what was rendezvoused and not closed. For
/// transports that carry out at the target what a peer asks for: messages come late, or from who
/// knows where. Calls may come from any thread.
class OpenRanges {
 public:
  void open(std::size_t offset, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    ranges_.emplace(offset, bytes);
  }
  /// Undoes one open. When it returns no use of that range runs any more.
  void close(std::size_t offset, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    for (auto at = ranges_.lower_bound(offset); at != ranges_.end() && at->first == offset; ++at)
      if (at->second == bytes) return static_cast<void>(ranges_.erase(at));
  }
  /// Runs `use` if [offset, offset+bytes) lies in one open range, and tells whether it does. `use`
  /// must be short: close waits for it.
  template <typename Use>
  bool use(std::size_t offset, std::size_t bytes, Use&& use) {
    const std::lock_guard lock(mutex_);
    // Ranges are the same or apart: the last that begins at or before the offset decides.
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

/// What the operating system or driver hands out and what is exported, whole: one memfd, one CUDA
/// allocation. Zeroed when made. An allocation is a range in a block.
class Block {
 public:
  /// Bytes reserved behind the usable ones of blocks with a descriptor: they hold `id`, with which
  /// whoever attaches makes sure of having mapped this block and no other.
  static constexpr std::size_t kTokenBytes = 64;

  virtual ~Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  const BlockId id;
  std::byte* const base;
  const std::size_t bytes;  ///< Usable, from base.
  const Device device;
  /// Maps the block in another process; borrowed, -1 if there is none (memory symmem did not make).
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
  /// At least `bytes`, rounded up to what the system hands out. Error(exhausted) says how much was
  /// asked for and how much there is.
  virtual std::shared_ptr<Block> make(BlockId id, std::size_t bytes, int device_index) = 0;
};

}  // namespace symmem
