// SPDX-License-Identifier: Apache-2.0
#include "cuda_ipc/export.hpp"

#include <cuda.h>

#include <cstring>
#include <utility>

#include "base/check.hpp"
#include "gpu/driver.hpp"
#include "options/options.hpp"
#include "base/random.hpp"
#include "cuda_ipc/handle.hpp"

namespace symmem::cuda_ipc {
namespace {

using cuda::Driver;
using cuda::OnDevice;

/// Physical memory behind a pointer, of cuMemCreate; none if it is of another kind.
class Retained {
 public:
  explicit Retained(void* at, const cuda::PointerFacts& facts) {
    // Asked for memory of cudaMalloc or of a pool it is an error, which compute-sanitizer reports.
    if (facts.legacy_ipc != 0 || facts.pool != nullptr) return;
    if (Driver::get().MemRetainAllocationHandle(&handle_, at) != CUDA_SUCCESS) handle_ = 0;
  }
  ~Retained() {
    if (handle_ != 0) static_cast<void>(Driver::get().MemRelease(handle_));
  }
  Retained(const Retained&) = delete;
  Retained& operator=(const Retained&) = delete;
  explicit operator bool() const { return handle_ != 0; }

  bool shares_by(CUmemAllocationHandleType type) const {
    CUmemAllocationProp properties{};
    return Driver::get().MemGetAllocationPropertiesFromHandle(&properties, handle_) ==
               CUDA_SUCCESS &&
           (properties.requestedHandleTypes & type) != 0;
  }
  Fd descriptor() const { return cuda::share_descriptor(handle_); }
  /// Empty where the driver does not grant it.
  std::string fabric() const {
    CUmemFabricHandle fabric;
    if (!shares_by(CU_MEM_HANDLE_TYPE_FABRIC) ||
        Driver::get().MemExportToShareableHandle(&fabric, handle_, CU_MEM_HANDLE_TYPE_FABRIC, 0) !=
            CUDA_SUCCESS)
      return {};
    return {reinterpret_cast<const char*>(&fabric), sizeof fabric};
  }

 private:
  CUmemGenericAllocationHandle handle_ = 0;
};

class CudaExport : public Export {
 public:
  CudaExport(std::shared_ptr<Block> block, CudaHandle handle, Fd fd,
             std::unique_ptr<FdService::Ticket> ticket)
      : block_(std::move(block)),
        fd_(std::move(fd)),
        ticket_(std::move(ticket)),
        handle_(handle.encode()) {}
  std::string handle() const override { return handle_; }

 private:
  const std::shared_ptr<Block> block_;  ///< Keeps the memory, and its descriptor if it has one.
  const Fd fd_;                         ///< Of memory whose block has none.
  const std::unique_ptr<FdService::Ticket> ticket_;
  const std::string handle_;
};

/// The allocation that the block lies in.
CudaHandle locate(const Block& block, const cuda::PointerFacts& facts) {
  CUdeviceptr base = 0;
  std::size_t whole = 0;
  const auto at = reinterpret_cast<CUdeviceptr>(block.base);
  const Driver& driver = Driver::get();
  // Of virtual memory the one mapping that it lies in: its range may be of several.
  const bool is_mapping =
      facts.legacy_ipc == 0 && facts.pool == nullptr &&
      driver.PointerGetAttribute(&base, CU_POINTER_ATTRIBUTE_MAPPING_BASE_ADDR, at) ==
          CUDA_SUCCESS &&
      driver.PointerGetAttribute(&whole, CU_POINTER_ATTRIBUTE_MAPPING_SIZE, at) == CUDA_SUCCESS;
  if (!is_mapping)
    cuda::check(driver.MemGetAddressRange(&base, &whole, at), "cuMemGetAddressRange");
  CudaHandle handle;
  handle.gpu = cuda::uuid(block.device.index);
  handle.space = address_space();
  handle.address = at;
  handle.bytes = block.bytes;
  handle.whole = whole;
  handle.offset = at - base;
  handle.has_token = block.descriptor != -1;
  return handle;
}

}  // namespace

std::uint64_t address_space() {
  static const std::uint64_t random = random_u64();
  return random;
}

Offer<Export> export_memory(FdService& fds, const std::shared_ptr<Block>& block,
                            symmem::CudaHandle forms) {
  const OnDevice here(block->device.index);
  const auto wanted = [&](symmem::CudaHandle form) {
    return forms == symmem::CudaHandle::automatic || forms == form;
  };
  const cuda::PointerFacts facts = cuda::facts_of(block->base);
  CudaHandle handle = locate(*block, facts);
  if (block->bytes > handle.whole - handle.offset)
    return Offer<Export>::refuse(
        fmt::format("its {} bytes span more than one allocation of GPU memory", block->bytes));
  Fd own;
  std::unique_ptr<FdService::Ticket> ticket;
  if (const Retained memory(block->base, facts); memory) {
    if (wanted(symmem::CudaHandle::fd) && memory.shares_by(CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR)) {
      if (block->descriptor == -1) own = memory.descriptor();
      ticket = fds.offer(own ? own.get() : block->descriptor);
      handle.fd_service = fds.address();
      handle.fd_token = ticket->token();
    }
    if (wanted(symmem::CudaHandle::fabric)) handle.fabric = memory.fabric();
  } else if (wanted(symmem::CudaHandle::legacy) && facts.legacy_ipc != 0) {
    cudaIpcMemHandle_t ipc;
    if (cudaIpcGetMemHandle(&ipc, block->base) == cudaSuccess)
      handle.legacy.assign(reinterpret_cast<const char*>(&ipc), sizeof ipc);
    static_cast<void>(cudaGetLastError());
  }
  if (!ticket && handle.fabric.empty() && handle.legacy.empty())
    return Offer<Export>::refuse(fmt::format(
        "the memory cannot be shared by a handle of the kind SYMMEM_CUDA_HANDLE={} (memory of "
        "cudaMalloc has legacy, that of cuMemCreate those it was made for, that of cudaMallocAsync "
        "none)",
        to_string(forms)));
  return {std::make_shared<CudaExport>(block, std::move(handle), std::move(own), std::move(ticket)),
          {}};
}

}  // namespace symmem::cuda_ipc
