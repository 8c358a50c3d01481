// SPDX-License-Identifier: Apache-2.0
// The kernels that stream operations and host calls on GPU memory launch. Each kernel uses one
// warp; the kernel that copies may use more. Signals have the protocol of symmem/device.cuh.
#include <type_traits>

#include "gpu/driver.hpp"
#include "gpu/kernels.hpp"
#include "symmem/device.cuh"

namespace symmem::cuda {
namespace {

namespace internal = device::internal;
using device::Failure;
using internal::WaitResult;

constexpr unsigned kWarp = 32;

__device__ void report_to(Report* report, std::uint64_t state, std::uint64_t value = 0) {
  report->value = value;
  asm volatile("st.release.sys.u64 [%0], %1;" ::"l"(&report->state), "l"(state) : "memory");
}

/// Returns true if the host thread still waits. The kernel sets `started`, then reads `abandoned`;
/// the host sets `abandoned`, then reads `started`. Therefore at least one of them reads the value
/// that the other has set.
__device__ bool begins(Report* report) {
  asm volatile("st.relaxed.sys.u64 [%0], %1;" ::"l"(&report->started), "l"(std::uint64_t{1})
               : "memory");
  asm volatile("fence.sc.sys;" ::: "memory");
  std::uint64_t abandoned;
  asm volatile("ld.relaxed.sys.u64 %0, [%1];" : "=l"(abandoned) : "l"(&report->abandoned));
  if (abandoned != 0) report_to(report, Report::skipped);
  return abandoned == 0;
}

__device__ std::uint64_t state_of(WaitResult waited) {
  switch (waited) {
    case WaitResult::arrived: return Report::arrived;
    case WaitResult::timeout: return Report::timeout;
    case WaitResult::gone: return Report::gone;
    default: return Report::failed;
  }
}

/// Marks the memory as failed if the peer's memory has failed. A wait that reports to the host
/// does not mark the memory after any other failure.
__device__ void mark_failed_peer(const DeviceView& view, WaitResult waited,
                                 Failure::Operation operation, int channel, int rank) {
  if (waited == WaitResult::peer_failed)
    internal::fail(view, operation, Failure::Cause::peer_failed, channel, rank);
}

__global__ void put_signal_kernel(DeviceView view, int dst, int channel, Report* report) {
  if (threadIdx.x != 0 || (report != nullptr && !begins(report))) return;
  device::put_signal(view, dst, channel);
  if (report != nullptr) report_to(report, Report::arrived);
}

__global__ void wait_signal_kernel(DeviceView view, int src, int channel, Ending ending) {
  if (threadIdx.x != 0) return;
  if (ending.report == nullptr) {
    device::wait_signal(view, src, channel, ending.timeout_ns);
    return;
  }
  if (!begins(ending.report)) return;
  const WaitResult waited = internal::try_wait_signal(view, src, channel, ending.timeout_ns);
  mark_failed_peer(view, waited, Failure::Operation::wait_signal, channel, src);
  report_to(ending.report, state_of(waited));
}

/// Executes the part of lane `lane` in a barrier that a host call started: signals the lane's peers
/// that have a pointer, then waits for all of the lane's peers. The host has already signalled the
/// peers without a pointer. Sets `at` to the last peer waited for.
__device__ WaitResult host_barrier(const DeviceView& view, int channel, int lane,
                                   std::uint64_t timeout_ns, int& at) {
  using internal::Count;
  const std::uint64_t epoch = internal::load_local(view.state.epochs + channel) + 1;
  if (epoch > internal::kPoison) return WaitResult::failed_before;
  __syncwarp();  // All lanes have loaded the epoch.
  const auto nth = [&](int i) {
    const int peer = view.rank + 1 + i;
    return peer < view.world_size ? peer : peer - view.world_size;
  };
#pragma unroll 1
  for (int i = lane; i < view.world_size - 1; i += kWarp)
    if (std::uint64_t* const remote = internal::pad(view, nth(i)))
      internal::max_release(
          remote + internal::count_index(view, channel, view.rank, Count::arrivals), epoch);
  if (lane == 0) internal::max_local(view.state.epochs + channel, epoch);
  std::uint64_t begin = 0;
  WaitResult waited = WaitResult::arrived;
#pragma unroll 1
  for (int i = lane; waited == WaitResult::arrived && i < view.world_size - 1; i += kWarp) {
    at = nth(i);
    waited = internal::wait_count(view, internal::incoming(view, channel, at, Count::arrivals),
                                  epoch, at, timeout_ns, begin);
  }
  return waited;
}

__global__ void barrier_kernel(DeviceView view, int channel, Ending ending) {
  if (ending.report == nullptr) {
    device::barrier<device::Scope::warp>(view, channel, ending.timeout_ns);
    return;
  }
  const int lane = static_cast<int>(threadIdx.x);
  if (__shfl_sync(0xFFFFFFFFu, lane == 0 && begins(ending.report), 0) == 0) return;
  int at = view.rank;
  const WaitResult waited = host_barrier(view, channel, lane, ending.timeout_ns, at);
  mark_failed_peer(view, waited, Failure::Operation::barrier, channel, at);
  // The first lane whose peer has not arrived reports.
  const unsigned missing = __ballot_sync(0xFFFFFFFFu, waited != WaitResult::arrived);
  __syncwarp();  // Orders the failure marks of all lanes before the report.
  const int reporter = missing == 0 ? 0 : __ffs(static_cast<int>(missing)) - 1;
  if (lane == reporter) report_to(ending.report, state_of(waited), static_cast<std::uint64_t>(at));
}

/// Copies with loads and stores of `Word`. Both addresses and `bytes` must be multiples of
/// sizeof(Word).
template <typename Word>
__device__ void copy_words(void* to, const void* from, std::size_t bytes) {
  constexpr int kUnroll = 4;  // Loads in flight per thread.
  auto* const target = static_cast<Word*>(to);
  const auto* const source = static_cast<const Word*>(from);
  const std::size_t count = bytes / sizeof(Word), stride = blockDim.x;
  std::size_t i = threadIdx.x;
  for (; i + (kUnroll - 1) * stride < count; i += kUnroll * stride) {
    Word words[kUnroll];
    for (int k = 0; k < kUnroll; ++k) words[k] = source[i + k * stride];
    for (int k = 0; k < kUnroll; ++k) target[i + k * stride] = words[k];
  }
  for (; i < count; i += stride) target[i] = source[i];
}

__global__ void put_with_signal_kernel(DeviceView view, Copy copy, int dst, int channel) {
  const auto ends = reinterpret_cast<std::uintptr_t>(copy.to) |
                    reinterpret_cast<std::uintptr_t>(copy.from) | copy.bytes;
  if (ends % sizeof(uint4) == 0)
    copy_words<uint4>(copy.to, copy.from, copy.bytes);
  else if (ends % sizeof(std::uint32_t) == 0)
    copy_words<std::uint32_t>(copy.to, copy.from, copy.bytes);
  else
    copy_words<unsigned char>(copy.to, copy.from, copy.bytes);
  device::put_signal<device::Scope::block>(view, dst, channel);
}

template <typename Word>
__device__ Word apply(AtomicOp op, Word* at, Word value, Word expected) {
  switch (op) {
    case AtomicOp::add: return atomicAdd_system(at, value);
    case AtomicOp::bit_and: return atomicAnd_system(at, value);
    case AtomicOp::bit_or: return atomicOr_system(at, value);
    case AtomicOp::bit_xor: return atomicXor_system(at, value);
    case AtomicOp::swap: return atomicExch_system(at, value);
    default: return atomicCAS_system(at, expected, value);
  }
}

__global__ void atomic_kernel(AtomicOp op, bool wide, void* at, std::uint64_t value,
                              std::uint64_t expected, Report* report) {
  if (threadIdx.x != 0 || !begins(report)) return;
  __threadfence_system();
  const std::uint64_t before =
      wide ? apply<unsigned long long>(op, static_cast<unsigned long long*>(at), value, expected)
           : apply<unsigned>(op, static_cast<unsigned*>(at), static_cast<unsigned>(value),
                             static_cast<unsigned>(expected));
  __threadfence_system();
  report_to(report, Report::arrived, before);
}

/// Launches a grid of one block. cudaLaunchKernelEx returns the result of this launch, whereas
/// cudaGetLastError could return and clear an error of the application.
template <typename... Parameters>
void launch(void (*kernel)(Parameters...), unsigned threads, cudaStream_t stream,
            const std::type_identity_t<Parameters>&... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(1);
  config.blockDim = dim3(threads);
  config.stream = stream;
  check(cudaLaunchKernelEx(&config, kernel, arguments...), "kernel launch");
}

[[noreturn]] void fail_without_code() {
  int device = 0;
  cudaDeviceProp properties{};
  check(cudaGetDevice(&device), "cudaGetDevice");
  check(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
  throw Error(Errc::unsupported,
              "cuda:" + std::to_string(device) + " (" + properties.name +
                  ") has compute capability " + std::to_string(properties.major) + "." +
                  std::to_string(properties.minor) +
                  ", for which this build of symmem has no code: add the architecture to "
                  "CMAKE_CUDA_ARCHITECTURES (default: 8.0 and newer)");
}

}  // namespace

void load_kernels() {
  const void* const kernels[] = {reinterpret_cast<const void*>(put_signal_kernel),
                                 reinterpret_cast<const void*>(wait_signal_kernel),
                                 reinterpret_cast<const void*>(barrier_kernel),
                                 reinterpret_cast<const void*>(put_with_signal_kernel),
                                 reinterpret_cast<const void*>(atomic_kernel)};
  for (const void* kernel : kernels) {
    cudaFuncAttributes attributes{};
    const cudaError_t result = cudaFuncGetAttributes(&attributes, kernel);
    if (result == cudaErrorNoKernelImageForDevice) fail_without_code();
    check(result, "cudaFuncGetAttributes");
  }
}

void launch_put_signal(cudaStream_t stream, const DeviceView& view, int dst, int channel,
                       Report* report) {
  launch(put_signal_kernel, kWarp, stream, view, dst, channel, report);
}

void launch_wait_signal(cudaStream_t stream, const DeviceView& view, int src, int channel,
                        const Ending& ending) {
  launch(wait_signal_kernel, kWarp, stream, view, src, channel, ending);
}

void launch_barrier(cudaStream_t stream, const DeviceView& view, int channel,
                    const Ending& ending) {
  launch(barrier_kernel, kWarp, stream, view, channel, ending);
}

void launch_put_with_signal(cudaStream_t stream, const DeviceView& view, const Copy& copy, int dst,
                            int channel) {
  constexpr std::size_t kBytesPerThread = 16, kMost = 1024;
  const std::size_t wanted = copy.bytes / kBytesPerThread;
  const unsigned threads = wanted <= kWarp ? kWarp : wanted >= kMost ? kMost : 256;
  launch(put_with_signal_kernel, threads, stream, view, copy, dst, channel);
}

void launch_atomic(cudaStream_t stream, AtomicOp op, std::size_t width, void* at,
                   std::uint64_t value, std::uint64_t expected, Report* report) {
  launch(atomic_kernel, kWarp, stream, op, width == 8, at, value, expected, report);
}

}  // namespace symmem::cuda
