// SPDX-License-Identifier: Apache-2.0
// One-shot all-reduces by packets and by a barrier: the kernels are in one_shot_all_reduce.cuh.
// Run it: symmem run -n 2 symmem_one_shot_all_reduce
#include <cuda_runtime.h>

#include <cstdio>
#include <symmem/symmem.hpp>
#include <vector>

#include "one_shot_all_reduce.cuh"

namespace {

constexpr unsigned kCount = 1 << 18;
constexpr int kBlocks = 16, kThreads = 512, kRounds = 20;

using Kernel = decltype(&one_shot_all_reduce);

/// What is not right of the sums of `input`, which is other in each round.
int wrong_sums(const std::vector<float>& sums, int size, int round) {
  int wrong = 0;
  for (unsigned i = 0; i < kCount; ++i)
    wrong += sums[i] !=
             static_cast<float>(size * (static_cast<int>(i % 100) + round) + size * (size - 1) / 2);
  return wrong;
}

bool run(symmem::Context& context, int gpu, const char* name, Kernel kernel) {
  const int size = context.world_size();
  const auto bytes = static_cast<std::int64_t>(AllReduceBuffer(size, kCount).bytes());
  const symmem::Tensor places =
      context.empty_strided_p2p({bytes}, {1}, symmem::kUint8, {symmem::DeviceType::cuda, gpu});
  const auto memory = context.rendezvous(places);
  cudaMemset(places.data(), 0, memory->buffer_size());
  cudaDeviceSynchronize();
  memory->barrier();  // Nobody sends before all have zeroed.

  std::vector<float> mine(kCount), sums(kCount);
  const std::size_t length = kCount * sizeof(float);
  float *input = nullptr, *result = nullptr;
  if (cudaMalloc(&input, length) != cudaSuccess || cudaMalloc(&result, length) != cudaSuccess)
    return std::printf("rank %d: no memory\n", context.rank()), false;
  const auto reduce = [&] {
    kernel<<<kBlocks, kThreads>>>(memory->device_view(), input, result, kCount, kCount);
  };
  int wrong = 0;
  for (int round = 0; round < kRounds; ++round) {
    for (unsigned i = 0; i < kCount; ++i)
      mine[i] = static_cast<float>(static_cast<int>(i % 100) + context.rank() + round);
    cudaMemcpy(input, mine.data(), length, cudaMemcpyDefault);
    reduce();
    cudaMemcpy(sums.data(), result, length, cudaMemcpyDefault);
    wrong += wrong_sums(sums, size, round);
  }
  cudaEvent_t begin, end;
  cudaEventCreate(&begin), cudaEventCreate(&end);
  cudaEventRecord(begin);
  for (int round = 0; round < kRounds; ++round) reduce();
  cudaEventRecord(end);
  const cudaError_t error = cudaDeviceSynchronize();
  memory->flush();  // Throws if a wait in a kernel has failed.
  float milliseconds = 0;
  cudaEventElapsedTime(&milliseconds, begin, end);
  std::printf("rank %d of %d on GPU %d, by %s: %d sums wrong, %.1f us (%s)\n", context.rank(), size,
              gpu, name, wrong, 1e3 * milliseconds / kRounds, cudaGetErrorString(error));
  cudaFree(result);
  cudaFree(input);
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
