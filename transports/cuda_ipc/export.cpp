// SPDX-License-Identifier: Apache-2.0
#include "cuda_ipc/export.hpp"

#include <cuda.h>

#include <cstring>
#include <utility>

#include "base/refusal.hpp"
#include "cuda_ipc/handle.hpp"
#include "gpu/driver.hpp"
#include "gpu/process_state.hpp"
#include "options/options.hpp"

namespace symmem::cuda_ipc {
namespace {

using cuda::Driver;
using cuda::OnDevice;

/// RAII: a reference to the cuMemCreate allocation that contains an address; empty if the memory is
/// not from cuMemCreate.
class Retained {
 public:
  explicit Retained(void* at, const cuda::PointerFacts& facts) {
    // For cudaMalloc memory and pool memory the call below would fail, and compute-sanitizer would
    // report the failure.
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
  Fd descriptor() const {
    Fd descriptor;
    const CUresult result = cuda::share_descriptor(handle_, descriptor);
    if (result != CUDA_SUCCESS) refuse("cuMemExportToShareableHandle: {}", cuda::text(result));
    return descriptor;
  }
  /// Returns the bytes of a CUmemFabricHandle; empty if the driver cannot export one.
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
  CudaExport(std::shared_ptr<Block> block, CudaIpcHandle handle, Fd fd,
             std::unique_ptr<FdService::Ticket> ticket)
      : block_(std::move(block)),
        fd_(std::move(fd)),
        ticket_(std::move(ticket)),
        handle_(handle.encode()) {}
  std::string handle() const override { return handle_; }

 private:
  /// Keeps the memory and, if the block has one, the descriptor.
  const std::shared_ptr<Block> block_;
  const Fd fd_;  ///< Descriptor exported here; empty if the block has a descriptor.
  const std::unique_ptr<FdService::Ticket> ticket_;
  const std::string handle_;
};

/// Returns a handle that describes the block and the allocation that contains the block.
CudaIpcHandle locate(const Block& block, const cuda::PointerFacts& facts) {
  CUdeviceptr base = 0;
  std::size_t whole = 0;
  const auto at = reinterpret_cast<CUdeviceptr>(block.base);
  const Driver& driver = Driver::get();
  // For cuMemMap memory use the mapping, not the address range: a range may consist of several
  // mappings.
  const bool is_mapping =
      facts.legacy_ipc == 0 && facts.pool == nullptr &&
      driver.PointerGetAttribute(&base, CU_POINTER_ATTRIBUTE_MAPPING_BASE_ADDR, at) ==
          CUDA_SUCCESS &&
      driver.PointerGetAttribute(&whole, CU_POINTER_ATTRIBUTE_MAPPING_SIZE, at) == CUDA_SUCCESS;
  if (!is_mapping) {
    const CUresult result = driver.MemGetAddressRange(&base, &whole, at);
    if (result != CUDA_SUCCESS) refuse("cuMemGetAddressRange: {}", cuda::text(result));
  }
  CudaIpcHandle handle;
  handle.gpu = cuda::uuid(block.device.index);
  handle.address_space = cuda::process_state().address_space;
  handle.address = at;
  handle.bytes = block.bytes;
  handle.allocation_bytes = whole;
  handle.offset = at - base;
  handle.has_token = block.descriptor != -1;
  return handle;
}

}  // namespace

std::shared_ptr<Export> export_memory(FdService& fds, const std::shared_ptr<Block>& block,
                                      symmem::CudaHandle forms) {
  const OnDevice here(block->device.index);
  const auto wanted = [&](symmem::CudaHandle form) {
    return forms == symmem::CudaHandle::automatic || forms == form;
  };
  const cuda::PointerFacts facts = cuda::facts_of(block->base);
  CudaIpcHandle handle = locate(*block, facts);
  refuse_unless(block->bytes <= handle.allocation_bytes - handle.offset,
                "the {} bytes span more than one allocation of GPU memory", block->bytes);
  Fd own;
  std::unique_ptr<FdService::Ticket> ticket;
  if (const Retained memory(block->base, facts); memory) {
    if (wanted(symmem::CudaHandle::fd) &&
        memory.shares_by(CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR)) {
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
  refuse_unless(
      ticket || !handle.fabric.empty() || !handle.legacy.empty(),
      "the memory cannot be shared by a handle of the kind SYMMEM_CUDA_HANDLE={} (cudaMalloc "
      "memory supports legacy; cuMemCreate memory supports the kinds that its creator requested; "
      "cudaMallocAsync memory supports no kind)",
      to_string(forms));
  return std::make_shared<CudaExport>(block, std::move(handle), std::move(own), std::move(ticket));
}

}  // namespace symmem::cuda_ipc
