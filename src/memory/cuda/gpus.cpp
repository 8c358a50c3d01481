// SPDX-License-Identifier: Apache-2.0
#include "memory/cuda/gpus.hpp"

#include <map>
#include <mutex>

#include "base/check.hpp"
#include "base/cuda/driver.hpp"
#include "memory/cuda/kernels.hpp"
#include "memory/cuda/lanes.hpp"

namespace symmem::cuda {
namespace {

std::uint64_t count_ns(std::chrono::nanoseconds timeout) {
  return static_cast<std::uint64_t>(timeout.count());
}

Gpu::Outcome outcome_of(const Report& report) {
  switch (report.state) {
    case Report::arrived: return Gpu::Outcome::arrived;
    case Report::timeout: return Gpu::Outcome::timeout;
    case Report::gone: return Gpu::Outcome::gone;
    default: return Gpu::Outcome::failed;
  }
}

class CudaGpu : public Gpu {
 public:
  explicit CudaGpu(int device) : device_(device) {
    const OnDevice here(device);
    load_kernels();
    lanes_ = std::make_unique<Lanes>(device);
  }
  int index() const override { return device_; }

  void copy(std::span<const Copy> copies) override {
    const OnDevice here(device_);
    Lanes::Use lane(*lanes_);
    for (const Copy& copy : copies) enqueue(lane->stream, copy);
    lane.finish();
  }
  void zero(void* at, std::size_t bytes) override {
    const OnDevice here(device_);
    Lanes::Use lane(*lanes_);
    check(cudaMemsetAsync(at, 0, bytes, lane->stream), "cudaMemsetAsync");
    lane.finish();
  }
  std::uint64_t atomic(AtomicOp op, std::size_t width, void* at, std::uint64_t value,
                       std::uint64_t expected) override {
    const OnDevice here(device_);
    Lanes::Use lane(*lanes_);
    launch_atomic(lane->stream, op, width, at, value, expected, lane->report);
    return lane.wait().value;
  }
  void put_signal(const DeviceView& view, int dst, int channel) override {
    const OnDevice here(device_);
    Lanes::Use lane(*lanes_);
    launch_put_signal(lane->stream, view, dst, channel, lane->report);
    static_cast<void>(lane.wait());
  }
  Outcome wait_signal(const DeviceView& view, int src, int channel,
                      std::chrono::nanoseconds timeout) override {
    const OnDevice here(device_);
    Lanes::Use lane(*lanes_);
    launch_wait_signal(lane->stream, view, src, channel, {count_ns(timeout), lane->report});
    return outcome_of(lane.wait(timeout));
  }
  Outcome barrier(const DeviceView& view, int channel, std::chrono::nanoseconds timeout) override {
    const OnDevice here(device_);
    Lanes::Use lane(*lanes_);
    launch_barrier(lane->stream, view, channel, {count_ns(timeout), lane->report});
    return outcome_of(lane.wait(timeout));
  }

  void copy(Stream stream, const Copy& copy) override {
    const OnDevice here(device_);
    enqueue(stream, copy);
  }
  void put_signal(Stream stream, const DeviceView& view, int dst, int channel) override {
    const OnDevice here(device_);
    launch_put_signal(stream, view, dst, channel, nullptr);
  }
  void wait_signal(Stream stream, const DeviceView& view, int src, int channel,
                   std::chrono::nanoseconds timeout) override {
    const OnDevice here(device_);
    launch_wait_signal(stream, view, src, channel, {count_ns(timeout), nullptr});
  }
  void put_with_signal(Stream stream, const DeviceView& view, const Copy& copy, int dst,
                       int channel) override {
    const OnDevice here(device_);
    if (copy.bytes <= kMaxFused && gpu_loads(copy.from))
      return launch_put_with_signal(stream, view, copy, dst, channel);
    enqueue(stream, copy);
    launch_put_signal(stream, view, dst, channel, nullptr);
  }
  void barrier(Stream stream, const DeviceView& view, int channel,
               std::chrono::nanoseconds timeout) override {
    const OnDevice here(device_);
    launch_barrier(stream, view, channel, {count_ns(timeout), nullptr});
  }

 private:
  static void enqueue(cudaStream_t stream, const Copy& copy) {
    if (copy.bytes == 0) return;
    check(cudaMemcpyAsync(copy.to, copy.from, copy.bytes, cudaMemcpyDefault, stream),
          "cudaMemcpyAsync");
  }
  /// Whether kernels here may load from there: not from host memory that CUDA does not know, nor,
  /// without asking further, from another GPU.
  bool gpu_loads(const void* from) const {
    CUdeviceptr at = 0;
    CUmemorytype type{};
    int owner = -1;
    const auto ask = [&](void* value, CUpointer_attribute attribute) {
      return Driver::get().PointerGetAttribute(value, attribute,
                                               reinterpret_cast<CUdeviceptr>(from)) == CUDA_SUCCESS;
    };
    return ask(&at, CU_POINTER_ATTRIBUTE_DEVICE_POINTER) &&
           at == reinterpret_cast<CUdeviceptr>(from) &&
           ask(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE) &&
           ask(&owner, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL) &&
           (type == CU_MEMORYTYPE_HOST || owner == device_);
  }

  const int device_;
  std::unique_ptr<Lanes> lanes_;
};

class CudaGpus : public Gpus {
 public:
  std::shared_ptr<Gpu> gpu(int index) override {
    static_cast<void>(Driver::get().context(index));  // Says what is wrong with the index.
    const std::lock_guard lock(mutex_);
    auto& gpu = gpus_[index];
    if (!gpu) gpu = std::make_shared<CudaGpu>(index);
    return gpu;
  }

  void check_memory(const void* at, std::size_t bytes, int index) override {
    const OnDevice here(index);
    const auto pointer = reinterpret_cast<CUdeviceptr>(at);
    CUmemorytype type{};
    int device = -1;
    unsigned managed = 0;
    const Driver& driver = Driver::get();
    const auto ask = [&](void* value, CUpointer_attribute attribute, CUdeviceptr of) {
      return driver.PointerGetAttribute(value, attribute, of) == CUDA_SUCCESS;
    };
    const bool known = ask(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, pointer) &&
                       ask(&device, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, pointer) &&
                       ask(&managed, CU_POINTER_ATTRIBUTE_IS_MANAGED, pointer);
    require(known && type == CU_MEMORYTYPE_DEVICE && managed == 0 && device == index,
            Errc::invalid_argument,
            "pointer {} is not memory of cuda:{} (managed memory and host memory are not)", at,
            index);
    require(bytes == 0 || (ask(&device, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, pointer + bytes - 1) &&
                           device == index),
            Errc::invalid_argument, "{} bytes from {} on go past the memory of cuda:{}", bytes, at,
            index);
  }

 private:
  std::mutex mutex_;  ///< Guards gpus_.
  std::map<int, std::shared_ptr<Gpu>> gpus_;
};

}  // namespace

std::shared_ptr<Gpus> make_gpus() { return std::make_shared<CudaGpus>(); }

}  // namespace symmem::cuda
