// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <string>

#include "base/unique_handle.hpp"
#include "symmem/error.hpp"

namespace symmem::cuda {

/// The driver's functions, found at run time through the statically linked runtime: one binary runs
/// on hosts with and without a driver.
class Driver {
 public:
  /// The one of this process, initialised. Error(unsupported) says why there is none.
  static const Driver& get();

// The functions of libcuda that are used, under their names without "cu".
#define SYMMEM_CUDA_FUNCTIONS(X)          \
  X(GetErrorName)                         \
  X(GetErrorString)                       \
  X(Init)                                 \
  X(DeviceGet)                            \
  X(DeviceGetCount)                       \
  X(DeviceGetName)                        \
  X(DeviceGetUuid)                        \
  X(DeviceGetAttribute)                   \
  X(DeviceCanAccessPeer)                  \
  X(DeviceGetP2PAttribute)                \
  X(DevicePrimaryCtxRetain)               \
  X(CtxPushCurrent)                       \
  X(CtxPopCurrent)                        \
  X(MemGetInfo)                           \
  X(MemGetAddressRange)                   \
  X(MemGetAllocationGranularity)          \
  X(MemCreate)                            \
  X(MemRelease)                           \
  X(MemAddressReserve)                    \
  X(MemAddressFree)                       \
  X(MemMap)                               \
  X(MemUnmap)                             \
  X(MemSetAccess)                         \
  X(MemExportToShareableHandle)           \
  X(MemImportFromShareableHandle)         \
  X(MemRetainAllocationHandle)            \
  X(MemGetAllocationPropertiesFromHandle) \
  X(PointerGetAttribute)                  \
  X(PointerGetAttributes)                 \
  X(StreamGetCtx)                         \
  X(EventCreate)                          \
  X(EventQuery)                           \
  X(EventDestroy)                         \
  X(FlushGPUDirectRDMAWrites)
#define SYMMEM_CUDA_POINTER(name) decltype(&::cu##name) name = nullptr;
  SYMMEM_CUDA_FUNCTIONS(SYMMEM_CUDA_POINTER)
#undef SYMMEM_CUDA_POINTER
  /// Null in drivers before 12.5.
  decltype(&::cuCtxRecordEvent) CtxRecordEvent = nullptr;

  int device_count() const { return device_count_; }
  /// The primary context of a device, which the CUDA runtime uses too; made at first use, never
  /// given up. Error(invalid_argument) for a device that is not there.
  CUcontext context(int device) const;

 private:
  Driver();
  int device_count_ = 0;
};

/// Throws an Error that begins with `what` unless `result` is success: exhausted for want of
/// memory, else internal.
void check(CUresult result, const char* what);
void check(cudaError_t result, const char* what);
/// "out of memory (CUDA_ERROR_OUT_OF_MEMORY)".
std::string text(CUresult result);

/// Uses one device on this thread, as if no capture of a graph were under way; afterwards the
/// caller's device, context and capture mode are what they were.
class OnDevice {
 public:
  explicit OnDevice(int device);
  ~OnDevice();
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

/// What CUDA knows of a pointer; of any other, `type` is 0. Unlike the driver's call for one
/// attribute this does not fail, which compute-sanitizer would report.
struct PointerFacts {
  unsigned type = 0;  ///< CUmemorytype.
  int device = -1;
  unsigned managed = 0, legacy_ipc = 0;
  CUdeviceptr on_device = 0, begin = 0;
  std::size_t bytes = 0;
  CUmemoryPool pool = nullptr;
};
PointerFacts facts_of(const void* pointer);

/// A descriptor by which other processes share the physical memory.
Fd share_descriptor(CUmemGenericAllocationHandle memory);

/// What a device says of itself; 0 for what its driver does not know.
int attribute(CUdevice_attribute which, int device);

/// Tells GPUs apart, whatever CUDA_VISIBLE_DEVICES calls them: its 16 bytes.
std::string uuid(int device);

}  // namespace symmem::cuda
