// SPDX-License-Identifier: Apache-2.0
// Sends a token around the ring of the ranks' GPUs. Each rank runs one kernel, which adds the
// rank's number, stores the token in the next rank's memory and sends a signal. Command: symmem run
// -n 2 symmem_gpu_ring
#include <cuda_runtime.h>

#include <cstdio>
#include <symmem/device.cuh>
#include <symmem/symmem.hpp>

namespace {

constexpr int kLaps = 100, kChannel = 0;

__global__ void ring(symmem::DeviceView view, long long* token) {
  const int next = (view.rank + 1) % view.world_size;
  const int previous = (view.rank + view.world_size - 1) % view.world_size;
  auto* remote = view.buffer<long long>(next);
  auto* local = view.buffer<volatile long long>(view.rank);
  long long value = 0;
  // One slot per hop of a lap: a slot is overwritten one lap later, after its reader has read it.
  for (int hop = 0; hop < kLaps * view.world_size; ++hop) {
    const int slot = hop % view.world_size;
    remote[slot] = value + view.rank;
    symmem::device::put_signal(view, next, kChannel);  // Ordered after the store.
    if (!symmem::device::wait_signal(view, previous, kChannel)) return;
    value = local[slot];
  }
  *token = value;
}

bool run(symmem::Context& context, int gpu) {
  const auto slots = context.allocate<long long>(static_cast<std::size_t>(context.world_size()),
                                                 symmem::Device::cuda(gpu));
  const auto memory = context.rendezvous(slots);
  long long* token = nullptr;
  if (cudaMallocManaged(&token, sizeof *token) != cudaSuccess) return false;
  *token = -1;
  ring<<<1, 1>>>(memory->device_view(), token);
  const bool ran = cudaDeviceSynchronize() == cudaSuccess;
  memory->flush();  // Throws if a wait in the kernel failed.
  // Each lap adds the sum of all ranks.
  const long long size = context.world_size();
  const bool right = ran && *token == kLaps * (size * (size - 1) / 2);
  std::printf("rank %d of %d on GPU %d: %d laps %s\n", context.rank(), context.world_size(), gpu,
              kLaps, right ? "correct" : "WRONG");
  cudaFree(token);
  memory->close();
  return right;
}

}  // namespace

int main() try {
  int gpus = 0;
  if (cudaGetDeviceCount(&gpus) != cudaSuccess || gpus == 0) {
    std::printf("skipped: no GPU\n");
    return 77;
  }
  symmem::Context context;
  const int gpu = context.local_rank() % gpus;
  cudaSetDevice(gpu);
  return run(context, gpu) ? 0 : 1;
} catch (const symmem::Error& e) {
  std::fprintf(stderr, "gpu_ring: %s\n", e.what());
  return 1;
}
