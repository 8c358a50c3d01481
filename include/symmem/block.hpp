// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "symmem/device.hpp"

namespace symmem {

/// Tells blocks apart in a whole job: the random id of the Context that made it, and a count there.
struct BlockId {
  std::uint64_t process = 0;
  std::uint64_t number = 0;

  friend auto operator<=>(const BlockId&, const BlockId&) = default;
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
