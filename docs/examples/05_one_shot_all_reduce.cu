// SPDX-License-Identifier: Apache-2.0
// One-shot all-reduces with packets and with a barrier; one_shot_all_reduce.cuh contains the
// kernels. Command: symmem run -n 2 symmem_one_shot_all_reduce
#include <cuda_runtime.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <symmem/symmem.hpp>
#include <vector>

#include "one_shot_all_reduce.cuh"

namespace {

using Kernel = decltype(&one_shot_all_reduce);
constexpr unsigned kCount = 1 << 18;
constexpr int kThreads = 512, kRounds = 20;

bool run(symmem::Context& context, int gpu, const char* name, Kernel kernel) {
  const int size = context.world_size(), rank = context.rank();
  const auto buffer =
      context.allocate(AllReduceBuffer(size, kCount).bytes(), symmem::Device::cuda(gpu));
  const auto memory = context.rendezvous(buffer);
  const symmem::DeviceView view = memory->device_view();
  cudaMemset(buffer.data(), 0, buffer.size());
  cudaDeviceSynchronize();
  memory->barrier();  // All ranks have zeroed their buffers.

  std::vector<float> own(kCount), sums(kCount);
  const std::size_t length = kCount * sizeof(float);
  float *input = nullptr, *result = nullptr;
  cudaMalloc(&input, length), cudaMalloc(&result, length);
  const auto reduce = [&] {
    kernel<<<std::min(16, view.channels), kThreads>>>(view, input, result, kCount, kCount);
  };
  int wrong = 0;
  for (int round = 0; round < kRounds; ++round) {
    for (unsigned i = 0; i < kCount; ++i) own[i] = static_cast<float>(i % 100 + rank + round);
    cudaMemcpy(input, own.data(), length, cudaMemcpyDefault);
    reduce();
    cudaMemcpy(sums.data(), result, length, cudaMemcpyDefault);
    const float others =
        size * (size - 1) / 2 - size * rank;  // Sum of (peer - rank) over all peers.
    for (unsigned i = 0; i < kCount; ++i) wrong += sums[i] != size * own[i] + others;
  }
  const auto start = std::chrono::steady_clock::now();
  for (int round = 0; round < kRounds; ++round) reduce();
  cudaDeviceSynchronize();
  const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
  const cudaError_t error = cudaGetLastError();  // Includes launch errors.
  memory->flush();                               // Throws if a wait in a kernel failed.
  std::printf("rank %d of %d on GPU %d, by %s: %d sums wrong, %.1f us (%s)\n", rank, size, gpu,
              name, wrong, time.count() / kRounds, cudaGetErrorString(error));
  cudaFree(result), cudaFree(input);
  memory->close();
  return wrong == 0 && error == cudaSuccess;
}

}  // namespace

int main() try {
  int gpus = 0;
  if (cudaGetDeviceCount(&gpus) != cudaSuccess || gpus == 0) {
    std::puts("skipped: no GPU");
    return 77;
  }
  symmem::Context context;
  const int gpu = context.local_rank() % gpus;
  cudaSetDevice(gpu);
  const bool small = run(context, gpu, "packets", one_shot_all_reduce);
  const bool large = run(context, gpu, "a barrier", one_shot_all_reduce_large);
  return small && large ? 0 : 1;
} catch (const symmem::Error& e) {
  return std::fprintf(stderr, "all_reduce: %s\n", e.what()), 1;
}
