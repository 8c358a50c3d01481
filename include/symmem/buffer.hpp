// SPDX-License-Identifier: Apache-2.0
/// Buffer: one rank's allocation of symmetric memory. Context::allocate returns a Buffer, and
/// Context::rendezvous makes it accessible to every rank of the group:
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

/// Name of the group that contains all ranks of a job.
inline constexpr const char* kWorld = "world";

/// Optional arguments of Context::allocate.
struct AllocateOptions {
  Device device = {};
  std::string group = kWorld;  ///< The group whose ranks will share the memory.
  /// Makes the allocation persistent in this Context: the first call with an id allocates. A later
  /// call with that id returns the same memory, and its earlier rendezvous stays valid; no Buffer
  /// or Tensor with the id may exist then. Bytes, device, group and alignment must be equal.
  /// end_group discards the ids of its group.
  std::optional<std::uint64_t> id = {};
  std::size_t alignment = 256;  ///< In bytes; a power of two, at most 4096.
  bool populate = false;        ///< Allocate the pages of host memory now, not at first access.
  std::string name = {};        ///< Shown in explain() and in error messages.
};

/// An owned allocation of `size()` elements of T. Movable, not copyable. The destructor returns the
/// memory to the Context, which does not reuse it while a peer may access it. May outlive the
/// Context.
template <typename T = std::byte>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>, "peers copy the elements as bytes");

 public:
  Buffer() = default;
  Buffer(Buffer&&) noexcept = default;
  Buffer& operator=(Buffer&&) noexcept = default;

  T* data() const { return static_cast<T*>(memory_.get()); }  ///< A device address for GPU memory.
  std::size_t size() const { return memory_ ? size_ : 0; }
  std::size_t size_bytes() const { return size() * sizeof(T); }
  std::span<T> span() const { return {data(), size()}; }
  Device device() const { return device_; }

 private:
  friend class Context;
  Buffer(std::shared_ptr<void> memory, std::size_t size, const AllocateOptions& options)
      : memory_(std::move(memory)), size_(size), device_(options.device), group_(options.group) {}

  /// Points to the first element and shares ownership of the allocation.
  std::shared_ptr<void> memory_;
  std::size_t size_ = 0;
  Device device_;
  std::string group_;
};

}  // namespace symmem
