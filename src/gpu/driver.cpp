// SPDX-License-Identifier: Apache-2.0
#include "gpu/driver.hpp"

#include <fcntl.h>

#include <cerrno>
#include <iterator>

#include "base/check.hpp"

namespace symmem::cuda {
namespace {

/// CUDA version whose driver functions are requested: 12.0.
constexpr unsigned kVersion = 12000;

template <typename Function>
void find(const char* name, Function& function) {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult status = cudaDriverEntryPointSymbolNotFound;
  const cudaError_t result =
      cudaGetDriverEntryPointByVersion(name, &found, kVersion, cudaEnableDefault, &status);
  static_cast<void>(cudaGetLastError());  // Clears the last error, which the application shares.
  require(result != cudaErrorInsufficientDriver, Errc::unsupported,
          "no CUDA driver (libcuda.so.1) is installed, or the driver is too old for CUDA {}.{}",
          CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
  require(result != cudaErrorNoDevice, Errc::unsupported,
          "no CUDA device is visible to this process (CUDA_VISIBLE_DEVICES)");
  require(result == cudaSuccess, Errc::unsupported, "the CUDA driver cannot be used: {}",
          cudaGetErrorString(result));
  require(status == cudaDriverEntryPointSuccess && found != nullptr, Errc::unsupported,
          "the CUDA driver has no function {}: install a newer driver", name);
  function = reinterpret_cast<Function>(found);
}

}  // namespace

Driver::Driver() {
#define SYMMEM_CUDA_FIND(name) find("cu" #name, name);
  SYMMEM_CUDA_FUNCTIONS(SYMMEM_CUDA_FIND)
#undef SYMMEM_CUDA_FIND
  void* record = nullptr;
  cudaDriverEntryPointQueryResult status = cudaDriverEntryPointSymbolNotFound;
  if (cudaGetDriverEntryPointByVersion("cuCtxRecordEvent", &record, 12050, cudaEnableDefault,
                                       &status) == cudaSuccess &&
      status == cudaDriverEntryPointSuccess)
    CtxRecordEvent = reinterpret_cast<decltype(CtxRecordEvent)>(record);
  const CUresult result = Init(0);
  const char* why = nullptr;
  GetErrorString(result, &why);
  require(result != CUDA_ERROR_NO_DEVICE, Errc::unsupported,
          "no CUDA device is visible to this process (CUDA_VISIBLE_DEVICES)");
  require(result == CUDA_SUCCESS, Errc::unsupported, "no CUDA device can be used: {}",
          why == nullptr ? "cuInit failed" : why);
  require(DeviceGetCount(&device_count_) == CUDA_SUCCESS && device_count_ > 0, Errc::unsupported,
          "no CUDA device is visible to this process (CUDA_VISIBLE_DEVICES)");
}

const Driver& Driver::get() {
  // Never freed, because libcuda is never unloaded.
  static const Driver* const driver = new Driver;
  return *driver;
}

CUcontext Driver::context(int device) const {
  require(device >= 0 && device < device_count_, Errc::invalid_argument,
          "there is no CUDA device {}; the number of devices visible to this process is {}", device,
          device_count_);
  const std::lock_guard lock(mutex_);
  contexts_.resize(static_cast<std::size_t>(device_count_));
  CUcontext& context = contexts_[static_cast<std::size_t>(device)];
  if (context == nullptr) {
    CUdevice handle = 0;
    check(DeviceGet(&handle, device), "cuDeviceGet");
    check(DevicePrimaryCtxRetain(&context, handle), "cuDevicePrimaryCtxRetain");
  }
  return context;
}

std::string text(CUresult result) {
  const Driver& driver = Driver::get();
  const char *name = nullptr, *why = nullptr;
  driver.GetErrorName(result, &name);
  driver.GetErrorString(result, &why);
  return fmt::format("{} ({})", why == nullptr ? "unknown" : why,
                     name == nullptr ? std::to_string(result) : name);
}

void check(CUresult result, const char* what) {
  if (result == CUDA_SUCCESS) [[likely]]
    return;
  fail(result == CUDA_ERROR_OUT_OF_MEMORY ? Errc::exhausted : Errc::internal, "{}: {}", what,
       text(result));
}

void check(cudaError_t result, const char* what) {
  if (result == cudaSuccess) [[likely]]
    return;
  static_cast<void>(cudaGetLastError());
  fail(result == cudaErrorMemoryAllocation ? Errc::exhausted : Errc::internal, "{}: {} ({})", what,
       cudaGetErrorString(result), cudaGetErrorName(result));
}

OnDevice::OnDevice(int device) {
  const Driver& driver = Driver::get();
  check(driver.CtxPushCurrent(driver.context(device)), "cuCtxPushCurrent");
  static_cast<void>(cudaThreadExchangeStreamCaptureMode(&mode_));
}

OnDevice::~OnDevice() {
  static_cast<void>(cudaThreadExchangeStreamCaptureMode(&mode_));
  CUcontext ours = nullptr;
  static_cast<void>(Driver::get().CtxPopCurrent(&ours));
}

PointerFacts facts_of(const void* pointer) {
  PointerFacts facts;
  CUpointer_attribute names[] = {
      CU_POINTER_ATTRIBUTE_MEMORY_TYPE,    CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL,
      CU_POINTER_ATTRIBUTE_IS_MANAGED,     CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE,
      CU_POINTER_ATTRIBUTE_DEVICE_POINTER, CU_POINTER_ATTRIBUTE_RANGE_START_ADDR,
      CU_POINTER_ATTRIBUTE_RANGE_SIZE,     CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE};
  void* values[] = {&facts.type,      &facts.device, &facts.managed, &facts.legacy_ipc,
                    &facts.on_device, &facts.begin,  &facts.bytes,   &facts.pool};
  static_assert(std::size(names) == std::size(values));
  check(Driver::get().PointerGetAttributes(std::size(names), names, values,
                                           reinterpret_cast<CUdeviceptr>(pointer)),
        "cuPointerGetAttributes");
  return facts;
}

CUresult share_descriptor(CUmemGenericAllocationHandle memory, Fd& descriptor) {
  int raw = -1;
  const CUresult result = Driver::get().MemExportToShareableHandle(
      &raw, memory, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0);
  if (result != CUDA_SUCCESS) return result;
  descriptor = Fd(raw);
  if (::fcntl(raw, F_SETFD, FD_CLOEXEC) != 0)
    fail_errno(errno, "setting FD_CLOEXEC on a descriptor of GPU memory");
  return result;
}

int attribute(CUdevice_attribute which, int device) {
  int value = 0;
  CUdevice handle = 0;
  check(Driver::get().DeviceGet(&handle, device), "cuDeviceGet");
  const CUresult result = Driver::get().DeviceGetAttribute(&value, which, handle);
  if (result == CUDA_ERROR_INVALID_VALUE) return 0;
  check(result, "cuDeviceGetAttribute");
  return value;
}

std::string uuid(int device) {
  const Driver& driver = Driver::get();
  CUdevice handle = 0;
  CUuuid uuid{};
  check(driver.DeviceGet(&handle, device), "cuDeviceGet");
  check(driver.DeviceGetUuid(&uuid, handle), "cuDeviceGetUuid");
  return {uuid.bytes, sizeof uuid.bytes};
}

}  // namespace symmem::cuda
