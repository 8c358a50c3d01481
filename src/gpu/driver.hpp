// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <mutex>
#include <string>
#include <vector>

#include "base/unique_handle.hpp"
#include "symmem/error.hpp"

namespace symmem::cuda {

/// The functions of the CUDA driver, looked up at run time through the statically linked runtime,
/// so that one binary runs on hosts with and without a driver.
class Driver {
 public:
  /// Returns the process-wide table; initialises CUDA at the first call. Throws Error(unsupported)
  /// with the reason if no CUDA driver or device can be used.
  static const Driver& get();

// The functions of libcuda that symmem calls, named without "cu".
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
  /// Returns the primary context of a device, the one that the CUDA runtime uses; retained at first
  /// use, never released. Throws Error(invalid_argument) if there is no such device.
  CUcontext context(int device) const;

 private:
  Driver();
  int device_count_ = 0;
  mutable std::mutex mutex_;  ///< Guards contexts_.
  mutable std::vector<CUcontext> contexts_;
};

/// Throws an Error that begins with `what` unless `result` is success: Error(exhausted) if memory
/// is short, else Error(internal).
void check(CUresult result, const char* what);
void check(cudaError_t result, const char* what);
/// Returns the driver's text: "out of memory (CUDA_ERROR_OUT_OF_MEMORY)".
std::string text(CUresult result);

/// RAII: makes a device current on this thread, in relaxed capture mode, so that CUDA calls do not
/// invalidate a graph capture. Restores the caller's device, context and capture mode.
class OnDevice {
 public:
  explicit OnDevice(int device);
  ~OnDevice();
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

/// What CUDA knows about a pointer; `type` is 0 for memory unknown to CUDA. Such a pointer does not
/// make facts_of fail, unlike cuPointerGetAttribute, whose failures compute-sanitizer reports.
struct PointerFacts {
  unsigned type = 0;  ///< CUmemorytype.
  int device = -1;
  unsigned managed = 0, legacy_ipc = 0;
  CUdeviceptr on_device = 0, begin = 0;
  std::size_t bytes = 0;
  CUmemoryPool pool = nullptr;
};
PointerFacts facts_of(const void* pointer);

/// Sets `descriptor` to a new one by which other processes can import the memory, or returns why
/// the driver does not make one.
CUresult share_descriptor(CUmemGenericAllocationHandle memory, Fd& descriptor);

/// Returns an attribute of a device; 0 if its driver does not know the attribute.
int attribute(CUdevice_attribute which, int device);

/// Returns the 16 bytes of a GPU's UUID, which do not depend on CUDA_VISIBLE_DEVICES.
std::string uuid(int device);

}  // namespace symmem::cuda
