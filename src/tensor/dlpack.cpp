// SPDX-License-Identifier: Apache-2.0
#include "symmem/dlpack.hpp"

#include <cstddef>
#include <memory>

#include "base/check.hpp"
#include "symmem/tensor.hpp"

namespace symmem {

// Check the struct layout of DLPack 1.1 on 64-bit machines.
static_assert(sizeof(DLTensor) == 48 && offsetof(DLTensor, shape) == 24);
static_assert(sizeof(DLManagedTensorVersioned) == 80 &&
              offsetof(DLManagedTensorVersioned, dl_tensor) == 32);

namespace {

/// The supported major version. Other major versions have a different struct layout.
constexpr std::uint32_t kMajor = 1;
/// The value of DLPACK_FLAG_BITMASK_READ_ONLY.
constexpr std::uint64_t kReadOnly = 1;

/// An exported tensor and the DLPack structure that refers to it. The deleter frees both.
struct Exported {
  Tensor tensor;
  std::vector<std::int64_t> sizes, strides;
  DLManagedTensorVersioned managed{};
};

}  // namespace

DLManagedTensorVersioned* Tensor::to_dlpack() const {
  auto exported = std::make_unique<Exported>(Exported{*this, sizes_, strides_, {}});
  exported->managed.manager_ctx = exported.get();
  exported->managed.deleter = [](DLManagedTensorVersioned* self) {
    delete static_cast<Exported*>(self->manager_ctx);
  };
  exported->managed.dl_tensor = {
      .data = data_,
      .device = {static_cast<std::int32_t>(device_.type), device_.index},
      .ndim = static_cast<std::int32_t>(sizes_.size()),
      .dtype = {dtype_.code, dtype_.bits, dtype_.lanes},
      .shape = exported->sizes.data(),
      .strides = exported->strides.data(),
      .byte_offset = 0,
  };
  return &exported.release()->managed;
}

Tensor Tensor::from_dlpack(DLManagedTensorVersioned* managed) {
  require(managed != nullptr, Errc::invalid_argument, "from_dlpack: the pointer is null");
  const std::shared_ptr<DLManagedTensorVersioned> storage(managed,
                                                          [](DLManagedTensorVersioned* self) {
                                                            if (self->deleter != nullptr)
                                                              self->deleter(self);
                                                          });
  require(managed->version.major == kMajor, Errc::unsupported,
          "from_dlpack: version {}.{} is not supported; the major version must be {}",
          managed->version.major, managed->version.minor, kMajor);
  require((managed->flags & kReadOnly) == 0, Errc::unsupported,
          "from_dlpack: the tensor is read-only; a symmem Tensor must be writable");
  const DLTensor& given = managed->dl_tensor;
  require(given.ndim >= 0 && (given.ndim == 0 || given.shape != nullptr), Errc::invalid_argument,
          "from_dlpack: {} dimensions without a shape", given.ndim);
  std::vector<std::int64_t> sizes(given.shape, given.shape + given.ndim);
  std::vector<std::int64_t> strides = given.strides != nullptr
                                          ? std::vector(given.strides, given.strides + given.ndim)
                                          : contiguous_strides(sizes);
  return {static_cast<std::byte*>(given.data) + given.byte_offset,
          std::move(sizes),
          std::move(strides),
          {given.dtype.code, given.dtype.bits, given.dtype.lanes},
          {static_cast<DeviceType>(given.device.device_type), given.device.device_id},
          storage};
}

}  // namespace symmem
