// SPDX-License-Identifier: Apache-2.0
#include "blocks/cuda_block.hpp"

#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <limits>
#include <utility>

#include "base/check.hpp"
#include "base/unique_handle.hpp"
#include "gpu/driver.hpp"
#include "gpu/process_state.hpp"

namespace symmem::cuda {
namespace {

/// GPU memory that is mapped for the device that holds it. The last kTokenBytes of the mapping
/// contain the token.
class CudaBlock : public Block {
 public:
  CudaBlock(BlockId block_id, CUdeviceptr at, std::size_t mapped, int index, Fd fd)
      : Block(block_id, reinterpret_cast<std::byte*>(at), mapped - kTokenBytes,
              Device{DeviceType::cuda, index}, fd.get()),
        mapped_(mapped),
        fd_(std::move(fd)) {}
  /// Defers the unmap: enqueued work may still use the memory.
  ~CudaBlock() override {
    process_state().deferred_unmaps.unmap_when_idle({device.index},
                                                    reinterpret_cast<CUdeviceptr>(base), mapped_);
  }

 private:
  const std::size_t mapped_;
  Fd fd_;
};

/// RAII: a reference to physical memory of a device. A mapping keeps the memory allocated after the
/// reference is released.
class Physical {
 public:
  Physical(std::size_t bytes, const CUmemAllocationProp& properties) {
    result = Driver::get().MemCreate(&handle, bytes, &properties, 0);
  }
  ~Physical() {
    if (result == CUDA_SUCCESS) static_cast<void>(Driver::get().MemRelease(handle));
  }
  Physical(const Physical&) = delete;
  Physical& operator=(const Physical&) = delete;

  CUmemGenericAllocationHandle handle = 0;
  CUresult result = CUDA_SUCCESS;
};

/// Returns true if the driver can create fabric handles: the device supports them, and this process
/// has access to an IMEX channel. Called before cuMemCreate, because compute-sanitizer reports two
/// errors if cuMemCreate is not permitted.
bool grants_fabric(int device) {
  if (attribute(CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_FABRIC_SUPPORTED, device) == 0) return false;
  std::error_code none;
  for (std::filesystem::directory_iterator at("/dev/nvidia-caps-imex-channels", none), end;
       !none && at != end; at.increment(none))
    if (::access(at->path().c_str(), R_OK | W_OK) == 0) return true;
  return false;
}

CUmemAllocationProp properties_of(int device, bool fabric) {
  require(
      attribute(CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED, device) != 0 &&
          attribute(CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED, device) != 0,
      Errc::unsupported,
      "CUDA device {} does not support virtual memory management with shareable descriptors",
      device);
  CUmemAllocationProp properties{};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, {device}};
  properties.requestedHandleTypes = static_cast<CUmemAllocationHandleType>(
      CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR | (fabric ? CU_MEM_HANDLE_TYPE_FABRIC : 0));
  properties.allocFlags.gpuDirectRDMACapable =
      attribute(CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_WITH_CUDA_VMM_SUPPORTED, device) != 0;
  return properties;
}

[[noreturn]] void fail_out_of_memory(std::size_t bytes, int device) {
  std::size_t left = 0, total = 0;
  static_cast<void>(Driver::get().MemGetInfo(&left, &total));
  fail(Errc::exhausted, "{} bytes of memory requested on cuda:{}; {} of {} bytes are free", bytes,
       device, left, total);
}

/// RAII: an address range to which the physical memory is mapped. release() ends the ownership.
class Mapped {
 public:
  Mapped(const Physical& physical, std::size_t bytes, std::size_t granularity, int device)
      : bytes_(bytes) {
    const Driver& driver = Driver::get();
    check(driver.MemAddressReserve(&at_, bytes, granularity, 0, 0), "cuMemAddressReserve");
    CUresult result = driver.MemMap(at_, bytes, 0, physical.handle, 0);
    if (result == CUDA_SUCCESS) {
      const CUmemAccessDesc access{{CU_MEM_LOCATION_TYPE_DEVICE, {device}},
                                   CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
      result = driver.MemSetAccess(at_, bytes, &access, 1);
      if (result != CUDA_SUCCESS) static_cast<void>(driver.MemUnmap(at_, bytes));
    }
    if (result != CUDA_SUCCESS) static_cast<void>(driver.MemAddressFree(at_, bytes));
    check(result, "mapping GPU memory");
  }
  ~Mapped() {
    if (at_ == 0) return;
    static_cast<void>(Driver::get().MemUnmap(at_, bytes_));
    static_cast<void>(Driver::get().MemAddressFree(at_, bytes_));
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  void* pointer() const { return reinterpret_cast<void*>(at_); }
  CUdeviceptr release() { return std::exchange(at_, 0); }

 private:
  CUdeviceptr at_ = 0;
  const std::size_t bytes_;
};

class CudaBlockMaker : public BlockMaker {
 public:
  CudaBlockMaker(Gpus& gpus, bool fabric) : gpus_(gpus), fabric_(fabric) {}
  DeviceType device_type() const override { return DeviceType::cuda; }

  std::shared_ptr<Block> make(BlockId id, std::size_t bytes, int device) override {
    Gpu& gpu = gpus_.gpu(device);
    const OnDevice here(device);
    const Driver& driver = Driver::get();
    const bool fabric = fabric_ && grants_fabric(device);
    CUmemAllocationProp properties = properties_of(device, fabric);
    std::size_t granularity = 0;
    // Every driver accepts these properties.
    const CUmemAllocationProp plain = properties_of(device, false);
    check(driver.MemGetAllocationGranularity(&granularity, &plain,
                                             CU_MEM_ALLOC_GRANULARITY_RECOMMENDED),
          "cuMemGetAllocationGranularity");
    if (bytes > std::numeric_limits<std::size_t>::max() / 2) fail_out_of_memory(bytes, device);
    const std::size_t mapped =
        (bytes + Block::kTokenBytes + granularity - 1) / granularity * granularity;
    auto physical = std::make_unique<Physical>(mapped, properties);
    if (fabric && physical->result != CUDA_SUCCESS) {
      // The driver did not grant fabric handles: retry without them.
      properties = plain;
      physical = std::make_unique<Physical>(mapped, properties);
    }
    if (physical->result == CUDA_ERROR_OUT_OF_MEMORY) {
      process_state().deferred_unmaps.unmap_idle();  // This may free enough memory.
      physical = std::make_unique<Physical>(mapped, properties);
    }
    if (physical->result == CUDA_ERROR_OUT_OF_MEMORY) fail_out_of_memory(bytes, device);
    check(physical->result, "cuMemCreate");
    Fd owned;
    check(share_descriptor(physical->handle, owned), "cuMemExportToShareableHandle");
    Mapped memory(*physical, mapped, granularity, device);
    gpu.zero(memory.pointer(), mapped);
    gpu.copy(static_cast<std::byte*>(memory.pointer()) + mapped - Block::kTokenBytes, &id,
             sizeof id);
    return std::make_shared<CudaBlock>(id, memory.release(), mapped, device, std::move(owned));
  }

 private:
  Gpus& gpus_;
  const bool fabric_;
};

class PinnedBlock : public Block {
 public:
  PinnedBlock(BlockId block_id, void* at, std::size_t size, int index)
      : Block(block_id, static_cast<std::byte*>(at), size, Device{}, -1), index_(index) {}
  ~PinnedBlock() override {
    try {
      const OnDevice here(index_);
      static_cast<void>(cudaFreeHost(base));
    } catch (...) {  // CUDA is shutting down.
    }
  }

 private:
  const int index_;
};

class PinnedBlockMaker : public BlockMaker {
 public:
  explicit PinnedBlockMaker(Gpus& gpus) : gpus_(gpus) {}
  DeviceType device_type() const override { return DeviceType::host; }

  std::shared_ptr<Block> make(BlockId id, std::size_t bytes, int device) override {
    static_cast<void>(gpus_.gpu(device));  // Throws if there is no such GPU.
    const OnDevice here(device);
    void* at = nullptr;
    check(cudaHostAlloc(&at, bytes, cudaHostAllocPortable | cudaHostAllocMapped), "cudaHostAlloc");
    std::memset(at, 0, bytes);
    return std::make_shared<PinnedBlock>(id, at, bytes, device);
  }

 private:
  Gpus& gpus_;
};

}  // namespace

std::unique_ptr<BlockMaker> make_block_maker(Gpus& gpus, bool fabric) {
  return std::make_unique<CudaBlockMaker>(gpus, fabric);
}

std::unique_ptr<BlockMaker> make_pinned_block_maker(Gpus& gpus) {
  return std::make_unique<PinnedBlockMaker>(gpus);
}

}  // namespace symmem::cuda
