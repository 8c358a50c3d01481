// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "symmem/api.hpp"
#include "symmem/device.hpp"
#include "symmem/dlpack.hpp"

namespace SYMMEM_API symmem {

/// An element type, in DLPack 1.1's codes (DLDataType).
struct DataType {
  std::uint8_t code = 0;
  std::uint8_t bits = 0;
  std::uint16_t lanes = 1;

  /// Bytes of one element, all lanes; sub-byte types round up.
  constexpr std::size_t bytes() const { return (std::size_t{bits} * lanes + 7) / 8; }
  friend bool operator==(const DataType&, const DataType&) = default;
};

inline constexpr DataType kInt8{0, 8}, kInt16{0, 16}, kInt32{0, 32}, kInt64{0, 64};
inline constexpr DataType kUint8{1, 8}, kUint16{1, 16}, kUint32{1, 32}, kUint64{1, 64};
inline constexpr DataType kFloat16{2, 16}, kFloat32{2, 32}, kFloat64{2, 64}, kBfloat16{4, 16};

/// "float32", "bfloat16"; "code 9 bits 8 lanes 1" for a type without a name here.
std::string to_string(DataType dtype);

/// Memory with a shape: a pointer, sizes, strides (in elements), an element type, a device, and a
/// share in the storage, which lives as long as any Tensor on it. Copies share. Access to the
/// elements is the caller's own.
class Tensor {
 public:
  Tensor() = default;
  /// `storage` is kept, never looked into. Error(invalid_argument) for negative sizes or strides,
  /// for lengths that differ and for extents that overflow.
  Tensor(void* data, std::vector<std::int64_t> sizes, std::vector<std::int64_t> strides,
         DataType dtype, Device device, std::shared_ptr<void> storage);

  void* data() const { return data_; }
  template <typename T>
  T* data() const {
    return static_cast<T*>(data_);
  }
  const std::vector<std::int64_t>& sizes() const { return sizes_; }
  const std::vector<std::int64_t>& strides() const { return strides_; }
  DataType dtype() const { return dtype_; }
  Device device() const { return device_; }
  std::int64_t numel() const;
  /// Bytes from data() to the end of the last element, by the strides.
  std::size_t extent() const;

  /// A view on the same storage; `offset` in elements from data(). Must stay within extent().
  Tensor as_strided(std::vector<std::int64_t> sizes, std::vector<std::int64_t> strides,
                    std::int64_t offset = 0) const;
  /// `length` rows of dimension `dim` from `start` on.
  Tensor narrow(int dim, std::int64_t start, std::int64_t length) const;

  /// Exchange by DLPack 1.1: the result owns a share in the storage until its deleter is called.
  DLManagedTensorVersioned* to_dlpack() const;
  /// Takes over `managed`, which somebody else made, on any memory.
  static Tensor from_dlpack(DLManagedTensorVersioned* managed);

 private:
  void* data_ = nullptr;
  std::vector<std::int64_t> sizes_;
  std::vector<std::int64_t> strides_;
  DataType dtype_;
  Device device_;
  std::shared_ptr<void> storage_;
};

/// Row-major strides for `sizes`, in elements.
std::vector<std::int64_t> contiguous_strides(const std::vector<std::int64_t>& sizes);

/// Bytes from the first to the end of the last element. Error(invalid_argument) for negative sizes
/// or strides, lengths that differ, and overflow.
std::size_t strided_extent(const std::vector<std::int64_t>& sizes,
                           const std::vector<std::int64_t>& strides, DataType dtype);

}  // namespace symmem
