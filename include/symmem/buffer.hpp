// SPDX-License-Identifier: Apache-2.0
/// Buffers: symmetric memory of one rank. Context::allocate returns one, and Context::rendezvous
/// makes it reachable for every rank:
///
///   auto buffer = context.allocate<double>(1024);  // local
///   buffer.data()[0] = 1.0;
///   auto memory = context.rendezvous(buffer);      // collective
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "symmem/device.hpp"

namespace symmem {

/// The name of the group of all ranks of a job.
inline constexpr const char* kWorld = "world";

/// What Context::allocate may be told beyond the size.
struct AllocateOptions {
  Device device = {};
  std::string group = kWorld;  ///< The group whose ranks will share the memory.
  /// Makes the allocation persistent: the first call with an id allocates; a later one, when no
  /// Buffer or Tensor of that id lives, returns the same memory, its rendezvous included. Bytes,
  /// device and group must then be equal. Ids are the Context's; end_group forgets the group's.
  std::optional<std::uint64_t> id = {};
  std::size_t alignment = 256;  ///< Bytes; a power of two, at most 4096.
  bool populate = false;        ///< Back host memory with pages now, not at first access.
  std::string name = {};        ///< Appears in explain() and in errors.
};

/// Owns one allocation of `size()` elements of T. Movable, not copyable. The destructor returns the
/// memory to its Context; while a peer may still access it, the memory is not used again. May
/// outlive the Context.
template <typename T = std::byte>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>, "peers copy the elements as bytes");

 public:
  Buffer() = default;
  Buffer(Buffer&&) noexcept = default;
  Buffer& operator=(Buffer&&) noexcept = default;

  T* data() const { return static_cast<T*>(memory_.get()); }  ///< On a GPU, an address for kernels.
  std::size_t size() const { return memory_ ? size_ : 0; }
  std::size_t size_bytes() const { return size() * sizeof(T); }
  std::span<T> span() const { return {data(), size()}; }
  Device device() const { return device_; }

 private:
  friend class Context;
  Buffer(std::shared_ptr<void> memory, std::size_t size, Device device)
      : memory_(std::move(memory)), size_(size), device_(device) {}

  std::shared_ptr<void>
      memory_;  ///< Points to the first element and keeps its owner, the Context's.
  std::size_t size_ = 0;
  Device device_;
};

}  // namespace symmem
