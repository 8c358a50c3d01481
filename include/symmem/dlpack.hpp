// SPDX-License-Identifier: Apache-2.0
/// DLPack: the versioned structures of DLPack 1.1, with which libraries exchange tensors.
///
/// The layout follows the specification, so pointers may be cast to and from the types in dlpack.h.
/// The names are in namespace symmem, so a program may include both headers.
///
///   auto* tensor = reinterpret_cast<::DLManagedTensorVersioned*>(symmem_tensor.to_dlpack());
#pragma once

#include <cstdint>

#include "symmem/api.hpp"

namespace SYMMEM_API symmem {

struct DLPackVersion {
  std::uint32_t major = 1;
  std::uint32_t minor = 1;
};
struct DLDevice {
  std::int32_t device_type;
  std::int32_t device_id;
};
struct DLDataType {
  std::uint8_t code;
  std::uint8_t bits;
  std::uint16_t lanes;
};
struct DLTensor {
  void* data;
  DLDevice device;
  std::int32_t ndim;
  DLDataType dtype;
  std::int64_t* shape;
  std::int64_t* strides;
  std::uint64_t byte_offset;
};
struct DLManagedTensorVersioned {
  DLPackVersion version;
  void* manager_ctx;
  void (*deleter)(DLManagedTensorVersioned* self);
  std::uint64_t flags;
  DLTensor dl_tensor;
};

}  // namespace symmem
