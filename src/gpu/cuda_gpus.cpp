// SPDX-License-Identifier: Apache-2.0
#include "gpu/cuda_gpus.hpp"

#include <map>
#include <mutex>

#include "base/check.hpp"
#include "gpu/driver.hpp"
#include "gpu/internal_streams.hpp"
#include "gpu/kernels.hpp"
#include "gpu/staging_pool.hpp"

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

/// Time limit to start and complete a kernel that does not wait for a peer.
constexpr std::chrono::seconds kKernelTimeout{30};

class PendingAtomic : public Gpu::Pending {
 public:
  PendingAtomic(int device, InternalStreams& streams) : device_(device), lease_(streams) {}
  ~PendingAtomic() override {
    if (!done_) lease_.abandon();
  }
  const InternalStream& stream() const { return *lease_.operator->(); }
  bool done(std::uint64_t& before) override {
    const OnDevice here(device_);
    const auto report = lease_.poll();
    if (!report) return false;
    before = report->value;
    return done_ = true;
  }

 private:
  const int device_;
  InternalStreams::Lease lease_;
  bool done_ = false;
};

struct OnGpu : CaptureGuard {
  explicit OnGpu(int device) : here(device) {}
  const OnDevice here;
};

/// Sets the relaxed capture mode of the calling thread; does not change the current device.
class Relaxed : public CaptureGuard {
 public:
  Relaxed() { static_cast<void>(cudaThreadExchangeStreamCaptureMode(&mode_)); }
  ~Relaxed() override { static_cast<void>(cudaThreadExchangeStreamCaptureMode(&mode_)); }

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

class CudaGpu : public Gpu {
 public:
  explicit CudaGpu(int device) : device_(device), staging_(device) {
    const OnDevice here(device);
    load_kernels();
    // Ordering for kernels on the owner suffices: kernels that wait for network data run on the
    // GPU that owns the memory.
    if (attribute(CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_SUPPORTED, device) == 0 ||
        attribute(CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_WRITES_ORDERING, device) >=
            CU_GPU_DIRECT_RDMA_WRITES_ORDERING_OWNER)
      remote_writes_ = RemoteWrites::ordered;
    else if ((attribute(CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_FLUSH_WRITES_OPTIONS, device) &
              CU_FLUSH_GPU_DIRECT_RDMA_WRITES_OPTION_HOST) != 0)
      remote_writes_ = RemoteWrites::synced;
    streams_ = std::make_unique<InternalStreams>(device);
  }
  int index() const override { return device_; }
  std::unique_ptr<CaptureGuard> enter() override { return std::make_unique<OnGpu>(device_); }

  void copy(std::span<const Copy> copies) override {
    const OnDevice here(device_);
    InternalStreams::Lease lease(*streams_);
    try {
      for (const Copy& copy : copies) enqueue(lease->stream, copy);
      lease.synchronize();
    } catch (...) {
      staging_.close();
      throw;
    }
  }
  bool on_host(const void* at) const override {
    const PointerFacts facts = facts_of(at);
    return facts.type != CU_MEMORYTYPE_DEVICE && facts.managed == 0;
  }
  std::shared_ptr<std::byte[]> stage() override { return staging_.acquire(); }
  RemoteWrites remote_writes() const override { return remote_writes_; }
  void sync_remote_writes() override {
    const OnDevice here(device_);
    check(Driver::get().FlushGPUDirectRDMAWrites(CU_FLUSH_GPU_DIRECT_RDMA_WRITES_TARGET_CURRENT_CTX,
                                                 CU_FLUSH_GPU_DIRECT_RDMA_WRITES_TO_OWNER),
          "cuFlushGPUDirectRDMAWrites");
  }
  void zero(void* at, std::size_t bytes) override {
    const OnDevice here(device_);
    InternalStreams::Lease lease(*streams_);
    check(cudaMemsetAsync(at, 0, bytes, lease->stream), "cudaMemsetAsync");
    lease.synchronize();
  }
  std::uint64_t atomic(AtomicOp op, std::size_t width, void* at, std::uint64_t value,
                       std::uint64_t expected) override {
    const OnDevice here(device_);
    InternalStreams::Lease lease(*streams_);
    launch_atomic(lease->stream, op, width, at, value, expected, lease->report);
    return lease.wait(kKernelTimeout).value;
  }
  std::unique_ptr<Pending> start_atomic(AtomicOp op, std::size_t width, void* at,
                                        std::uint64_t value, std::uint64_t expected) override {
    const OnDevice here(device_);
    auto pending = std::make_unique<PendingAtomic>(device_, *streams_);
    launch_atomic(pending->stream().stream, op, width, at, value, expected,
                  pending->stream().report);
    return pending;
  }
  void put_signal(const DeviceView& view, int dst, int channel,
                  std::chrono::nanoseconds timeout) override {
    const OnDevice here(device_);
    InternalStreams::Lease lease(*streams_);
    launch_put_signal(lease->stream, view, dst, channel, lease->report);
    static_cast<void>(lease.wait(timeout));
  }
  Outcome wait_signal(const DeviceView& view, int src, int channel,
                      std::chrono::nanoseconds timeout) override {
    const OnDevice here(device_);
    InternalStreams::Lease lease(*streams_);
    launch_wait_signal(lease->stream, view, src, channel, {count_ns(timeout), lease->report});
    return outcome_of(lease.wait(timeout));
  }
  Outcome barrier(const DeviceView& view, int channel, std::chrono::nanoseconds timeout,
                  const std::function<void()>& meanwhile) override {
    const OnDevice here(device_);
    InternalStreams::Lease lease(*streams_);
    launch_barrier(lease->stream, view, channel, {count_ns(timeout), lease->report});
    return outcome_of(lease.wait(timeout, meanwhile));
  }

  void copy(Stream stream, const Copy& copy) override {
    const OnDevice here(device_);
    check_stream(stream);
    enqueue(stream.get(), copy);
  }
  void put_signal(Stream stream, const DeviceView& view, int dst, int channel) override {
    const OnDevice here(device_);
    check_stream(stream);
    launch_put_signal(stream.get(), view, dst, channel, nullptr);
  }
  void wait_signal(Stream stream, const DeviceView& view, int src, int channel,
                   std::chrono::nanoseconds timeout) override {
    const OnDevice here(device_);
    check_stream(stream);
    launch_wait_signal(stream.get(), view, src, channel, {count_ns(timeout), nullptr});
  }
  void put_with_signal(Stream stream, const DeviceView& view, const Copy& copy, int dst,
                       int channel) override {
    const OnDevice here(device_);
    check_stream(stream);
    if (copy.bytes <= kMaxFused && gpu_loads(copy.from))
      return launch_put_with_signal(stream.get(), view, copy, dst, channel);
    enqueue(stream.get(), copy);
    launch_put_signal(stream.get(), view, dst, channel, nullptr);
  }
  void barrier(Stream stream, const DeviceView& view, int channel,
               std::chrono::nanoseconds timeout) override {
    const OnDevice here(device_);
    check_stream(stream);
    launch_barrier(stream.get(), view, channel, {count_ns(timeout), nullptr});
  }

 private:
  static void enqueue(cudaStream_t stream, const Copy& copy) {
    if (copy.bytes == 0) return;
    check(cudaMemcpyAsync(copy.to, copy.from, copy.bytes, cudaMemcpyDefault, stream),
          "cudaMemcpyAsync");
  }
  /// Throws Error(invalid_argument) if the stream belongs to another device or context: the driver
  /// does not always report this error.
  void check_stream(Stream checked) const {
    CUstream stream = checked.get();
    if (stream == nullptr || stream == cudaStreamLegacy || stream == cudaStreamPerThread) return;
    CUcontext context = nullptr;
    check(Driver::get().StreamGetCtx(stream, &context), "cuStreamGetCtx");
    require(context == context_, Errc::invalid_argument,
            "the stream does not belong to cuda:{}, the device of the memory", device_);
  }
  /// Returns true if `from` is memory of this GPU or pinned host memory, from which kernels on this
  /// GPU can load. Returns false for memory of other GPUs, even if this GPU can access it.
  bool gpu_loads(const void* from) const {
    const PointerFacts facts = facts_of(from);
    return facts.on_device == reinterpret_cast<CUdeviceptr>(from) &&
           (facts.type == CU_MEMORYTYPE_HOST ||
            (facts.type == CU_MEMORYTYPE_DEVICE && facts.device == device_));
  }

  const int device_;
  const CUcontext context_ = Driver::get().context(device_);
  RemoteWrites remote_writes_ = RemoteWrites::unordered;
  StagingPool staging_;
  std::unique_ptr<InternalStreams> streams_;
};

class CudaGpus : public Gpus {
 public:
  Gpu& gpu(int index) override {
    static_cast<void>(Driver::get().context(index));  // Throws if there is no such GPU.
    const std::lock_guard lock(mutex_);
    auto& gpu = gpus_[index];
    if (!gpu) gpu = std::make_unique<CudaGpu>(index);
    return *gpu;
  }

  std::unique_ptr<CaptureGuard> guard_captures() override { return std::make_unique<Relaxed>(); }

  void check_memory(const void* at, std::size_t bytes, int index) override {
    const OnDevice here(index);
    const PointerFacts facts = facts_of(at);
    require(facts.type == CU_MEMORYTYPE_DEVICE && facts.managed == 0 && facts.device == index,
            Errc::invalid_argument,
            "pointer {} is not device memory of cuda:{} (managed memory and host memory are not "
            "accepted)",
            at, index);
    require(bytes == 0 || facts_of(static_cast<const std::byte*>(at) + bytes - 1).device == index,
            Errc::invalid_argument, "{} bytes at {} exceed the memory of cuda:{}", bytes, at,
            index);
  }

 private:
  std::mutex mutex_;  ///< Guards gpus_.
  std::map<int, std::unique_ptr<Gpu>> gpus_;
};

}  // namespace

std::unique_ptr<Gpus> make_gpus() { return std::make_unique<CudaGpus>(); }

}  // namespace symmem::cuda
