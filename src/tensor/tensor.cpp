// SPDX-License-Identifier: Apache-2.0
#include "symmem/tensor.hpp"

#include <algorithm>
#include <limits>

#include "base/check.hpp"

namespace symmem {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

std::string text(const std::vector<std::int64_t>& values) {
  return fmt::format("[{}]", fmt::join(values, ", "));
}

}  // namespace

std::string to_string(DataType dtype) {
  if (dtype.lanes == 1) switch (dtype.code) {
      case 0: return fmt::format("int{}", dtype.bits);
      case 1: return fmt::format("uint{}", dtype.bits);
      case 2: return fmt::format("float{}", dtype.bits);
      case 4: return fmt::format("bfloat{}", dtype.bits);
      default: break;
    }
  return fmt::format("code {} bits {} lanes {}", dtype.code, dtype.bits, dtype.lanes);
}

std::vector<std::int64_t> contiguous_strides(const std::vector<std::int64_t>& sizes) {
  std::vector<std::int64_t> strides(sizes.size());
  std::int64_t next = 1;
  for (std::size_t i = sizes.size(); i-- > 0;) {
    strides[i] = next;
    const std::int64_t size = std::max<std::int64_t>(sizes[i], 1);
    require(next <= kMax / size, Errc::invalid_argument, "sizes {} overflow", text(sizes));
    next *= size;
  }
  return strides;
}

std::size_t strided_extent(const std::vector<std::int64_t>& sizes,
                           const std::vector<std::int64_t>& strides, DataType dtype) {
  require(sizes.size() == strides.size(), Errc::invalid_argument,
          "sizes {} and strides {} differ in length", text(sizes), text(strides));
  const auto negative = [](std::int64_t value) { return value < 0; };
  require(std::none_of(sizes.begin(), sizes.end(), negative) &&
              std::none_of(strides.begin(), strides.end(), negative),
          Errc::invalid_argument, "sizes {} and strides {} must not be negative", text(sizes),
          text(strides));
  require(dtype.bytes() > 0, Errc::invalid_argument, "element type {} has no size",
          to_string(dtype));
  if (std::find(sizes.begin(), sizes.end(), 0) != sizes.end()) return 0;
  const std::int64_t limit = kMax / static_cast<std::int64_t>(dtype.bytes());
  std::int64_t last = 0;  // Index of the last element.
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::int64_t steps = sizes[i] - 1;
    require(strides[i] == 0 || steps <= (limit - 1 - last) / strides[i], Errc::invalid_argument,
            "sizes {} with strides {} of {} overflow", text(sizes), text(strides),
            to_string(dtype));
    last += steps * strides[i];
  }
  return static_cast<std::size_t>(last + 1) * dtype.bytes();
}

Tensor::Tensor(void* data, std::vector<std::int64_t> sizes, std::vector<std::int64_t> strides,
               DataType dtype, Device device, std::shared_ptr<void> storage)
    : data_(data),
      sizes_(std::move(sizes)),
      strides_(std::move(strides)),
      dtype_(dtype),
      device_(device),
      storage_(std::move(storage)) {
  static_cast<void>(strided_extent(sizes_, strides_, dtype_));
}

std::int64_t Tensor::numel() const {
  std::int64_t count = 1;
  for (const std::int64_t size : sizes_) {
    require(size == 0 || count <= kMax / size, Errc::invalid_argument, "sizes {} overflow",
            text(sizes_));
    count *= size;
  }
  return count;
}

std::size_t Tensor::extent() const {
  return data_ == nullptr ? 0 : strided_extent(sizes_, strides_, dtype_);
}

Tensor Tensor::as_strided(std::vector<std::int64_t> sizes, std::vector<std::int64_t> strides,
                          std::int64_t offset) const {
  const std::size_t need = strided_extent(sizes, strides, dtype_);
  const std::size_t have = extent();
  require(offset >= 0 && static_cast<std::size_t>(offset) <= have / dtype_.bytes() &&
              need <= have - static_cast<std::size_t>(offset) * dtype_.bytes(),
          Errc::invalid_argument,
          "as_strided: sizes {} with strides {} at offset {} exceed the tensor's {} bytes",
          text(sizes), text(strides), offset, have);
  auto* at = static_cast<std::byte*>(data_) + static_cast<std::size_t>(offset) * dtype_.bytes();
  return {at, std::move(sizes), std::move(strides), dtype_, device_, storage_};
}

Tensor Tensor::narrow(int dim, std::int64_t start, std::int64_t length) const {
  const auto d = static_cast<std::size_t>(dim);
  require(dim >= 0 && d < sizes_.size(), Errc::invalid_argument,
          "narrow: dimension {} is out of range for sizes {}", dim, text(sizes_));
  require(start >= 0 && length >= 0 && start <= sizes_[d] && length <= sizes_[d] - start,
          Errc::invalid_argument, "narrow: {} indices from {} exceed dimension {} of sizes {}",
          length, start, dim, text(sizes_));
  std::vector<std::int64_t> sizes = sizes_;
  sizes[d] = length;
  // An empty view has no first element, and its offset could exceed the extent; use offset 0.
  const bool empty = std::find(sizes.begin(), sizes.end(), 0) != sizes.end();
  return as_strided(std::move(sizes), strides_, empty ? 0 : start * strides_[d]);
}

}  // namespace symmem
