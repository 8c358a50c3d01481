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

/// Table of the CUDA driver functions. The statically linked CUDA runtime looks them up at run
/// time, so that one binary runs on hosts with and without a CUDA driver.
class Driver {
 public:
  /// Returns the process-wide table; initialises CUDA at the first call. Throws Error(unsupported)
  /// with the reason if no CUDA driver or device can be used.
  static const Driver& get();

// The functions of libcuda that symmem calls, without the prefix "cu".
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
  /// Null if the driver is older than CUDA 12.5.
  decltype(&::cuCtxRecordEvent) CtxRecordEvent = nullptr;

  int device_count() const { return device_count_; }
  /// Returns the primary context of a device, which the CUDA runtime also uses. The first call
  /// retains the context; it is never released. Throws Error(invalid_argument) if there is no such
  /// device.
  CUcontext context(int device) const;

 private:
  Driver();
  int device_count_ = 0;
  mutable std::mutex mutex_;  ///< Guards contexts_.
  mutable std::vector<CUcontext> contexts_;
};

/// Both overloads throw an Error whose text begins with `what` unless `result` is success:
/// Error(exhausted) if CUDA is out of memory, else Error(internal).
void check(CUresult result, const char* what);
void check(cudaError_t result, const char* what);
/// Returns the driver's description and name of `result`, for example "out of memory
/// (CUDA_ERROR_OUT_OF_MEMORY)".
std::string text(CUresult result);

/// RAII: makes a device current on this thread and sets the relaxed capture mode, so that CUDA
/// calls do not invalidate a graph capture. The destructor restores the previous context and
/// capture mode.
class OnDevice {
 public:
  explicit OnDevice(int device);
  ~OnDevice();
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

/// CUDA's attributes of a pointer; `type` is 0 if the memory is not registered with CUDA. For such
/// a pointer facts_of() succeeds, whereas cuPointerGetAttribute fails and compute-sanitizer reports
/// the failure.
struct PointerFacts {
  unsigned type = 0;  ///< A value of CUmemorytype.
  int device = -1;
  unsigned managed = 0, legacy_ipc = 0;
  CUdeviceptr on_device = 0, begin = 0;
  std::size_t bytes = 0;
  CUmemoryPool pool = nullptr;
};
PointerFacts facts_of(const void* pointer);

/// Sets `descriptor` to a new descriptor from which other processes can import the memory. Returns
/// the driver's error if the export fails.
CUresult share_descriptor(CUmemGenericAllocationHandle memory, Fd& descriptor);

/// Returns an attribute of a device; 0 if the driver does not support the attribute.
int attribute(CUdevice_attribute which, int device);

/// Returns the 16 bytes of a GPU's UUID. The UUID does not depend on CUDA_VISIBLE_DEVICES.
std::string uuid(int device);

}  // namespace symmem::cuda
