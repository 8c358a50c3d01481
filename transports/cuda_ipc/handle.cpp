// SPDX-License-Identifier: Apache-2.0
#include "cuda_ipc/handle.hpp"

#include "base/check.hpp"
#include "base/wire.hpp"

namespace symmem::cuda_ipc {
namespace {

constexpr std::string_view kMagic = "SYMMGPU1";

void check_length(const std::string& field, std::size_t bytes, const char* name) {
  require(field.empty() || field.size() == bytes, Errc::invalid_argument,
          "cuda_ipc handle: {} has {} bytes instead of {}", name, field.size(), bytes);
}

}  // namespace

std::string CudaIpcHandle::encode() const {
  Writer writer;
  writer.raw(kMagic)
      .put(std::string_view(gpu))
      .put(address_space)
      .put(address)
      .put(bytes)
      .put(allocation_bytes);
  writer.put(offset).put(static_cast<std::uint8_t>(has_token));
  writer.put(std::string_view(fd_service)).put(std::string_view(fd_token));
  writer.put(std::string_view(fabric)).put(std::string_view(legacy));
  return seal(writer.bytes());
}

CudaIpcHandle CudaIpcHandle::decode(std::string_view encoded) {
  require(encoded.starts_with(kMagic), Errc::invalid_argument,
          "cuda_ipc handle does not begin with {}", kMagic);
  Reader reader(unseal(encoded, "cuda_ipc handle"), "cuda_ipc handle");
  reader.raw(kMagic.size());
  CudaIpcHandle handle;
  handle.gpu = reader.string();
  handle.address_space = reader.get<std::uint64_t>();
  handle.address = reader.get<std::uint64_t>();
  handle.bytes = reader.get<std::uint64_t>();
  handle.allocation_bytes = reader.get<std::uint64_t>();
  handle.offset = reader.get<std::uint64_t>();
  const auto has_token = reader.get<std::uint8_t>();
  require(has_token <= 1, Errc::invalid_argument,
          "cuda_ipc handle: has_token is {}, neither 0 nor 1", has_token);
  handle.has_token = has_token == 1;
  handle.fd_service = reader.string();
  handle.fd_token = reader.string();
  handle.fabric = reader.string();
  handle.legacy = reader.string();
  reader.finish();
  require(handle.gpu.size() == kUuidBytes, Errc::invalid_argument,
          "cuda_ipc handle: the GPU's UUID must have {} bytes, not {}", kUuidBytes,
          handle.gpu.size());
  check_length(handle.fabric, kIpcBytes, "the fabric handle");
  check_length(handle.legacy, kIpcBytes, "the IPC handle");
  require(handle.offset <= handle.allocation_bytes &&
              handle.bytes <= handle.allocation_bytes - handle.offset,
          Errc::invalid_argument, "cuda_ipc handle: {} bytes at {} exceed an allocation of {}",
          handle.bytes, handle.offset, handle.allocation_bytes);
  return handle;
}

}  // namespace symmem::cuda_ipc
