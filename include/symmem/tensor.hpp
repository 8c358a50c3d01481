// SPDX-License-Identifier: Apache-2.0
/// Tensor: a view of memory with a shape, an element type and a device. Libraries such as PyTorch
/// and CuPy exchange tensors through DLPack.
///
///   symmem::Tensor rows = tensor.narrow(/*dim=*/0, /*start=*/2, /*length=*/4);
///   DLManagedTensorVersioned* for_consumer = rows.to_dlpack();
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

/// An element type, with the codes of DLPack 1.1 (DLDataType).
struct DataType {
  std::uint8_t code = 0;
  std::uint8_t bits = 0;
  std::uint16_t lanes = 1;

  /// Returns the size of one element, with all its lanes, in bytes, rounded up.
  constexpr std::size_t bytes() const { return (std::size_t{bits} * lanes + 7) / 8; }
  friend bool operator==(const DataType&, const DataType&) = default;
};

inline constexpr DataType kInt8{0, 8}, kInt16{0, 16}, kInt32{0, 32}, kInt64{0, 64};
inline constexpr DataType kUint8{1, 8}, kUint16{1, 16}, kUint32{1, 32}, kUint64{1, 64};
inline constexpr DataType kFloat16{2, 16}, kFloat32{2, 32}, kFloat64{2, 64}, kBfloat16{4, 16};

/// Returns "float32" or "bfloat16", or "code 9 bits 8 lanes 1" for a type without a name.
std::string to_string(DataType dtype);

/// A view of strided memory: pointer, sizes, strides (in elements), element type and device. Each
/// Tensor shares ownership of the storage; copies refer to the same memory. The caller synchronizes
/// access to the elements.
class Tensor {
 public:
  Tensor() = default;
  /// Shares ownership of `storage` but does not access it. Throws Error(invalid_argument) if sizes
  /// and strides differ in length or are negative, or if the extent overflows.
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
  /// Returns the number of elements. Throws Error(invalid_argument) if the number overflows.
  std::int64_t numel() const;
  /// Returns the number of bytes from data() to the end of the last element.
  std::size_t extent() const;

  /// Returns a view of the same storage, `offset` elements after data(). Throws
  /// Error(invalid_argument) if the view exceeds extent().
  Tensor as_strided(std::vector<std::int64_t> sizes, std::vector<std::int64_t> strides,
                    std::int64_t offset = 0) const;
  /// Returns a view of indices [start, start + length) of dimension `dim`. Throws
  /// Error(invalid_argument) if the indices are out of range.
  Tensor narrow(int dim, std::int64_t start, std::int64_t length) const;

  /// Returns the tensor as DLPack 1.1. The result keeps the storage alive until the consumer calls
  /// the deleter.
  DLManagedTensorVersioned* to_dlpack() const;
  /// Creates a Tensor from `managed`, which may refer to any memory, and takes ownership of
  /// `managed`. Throws Error(unsupported) for read-only tensors and for major versions other than
  /// 1.
  static Tensor from_dlpack(DLManagedTensorVersioned* managed);

 private:
  void* data_ = nullptr;
  std::vector<std::int64_t> sizes_;
  std::vector<std::int64_t> strides_;
  DataType dtype_;
  Device device_;
  std::shared_ptr<void> storage_;
};

/// Returns the row-major strides for `sizes`, in elements.
std::vector<std::int64_t> contiguous_strides(const std::vector<std::int64_t>& sizes);

/// Returns the number of bytes from the start of the first element to the end of the last element.
/// Throws Error(invalid_argument) if sizes and strides differ in length or are negative, or on
/// overflow.
std::size_t strided_extent(const std::vector<std::int64_t>& sizes,
                           const std::vector<std::int64_t>& strides, DataType dtype);

}  // namespace symmem
