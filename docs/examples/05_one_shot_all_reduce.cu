// SPDX-License-Identifier: Apache-2.0
// A one-shot all-reduce: the kernel is in one_shot_all_reduce.cuh.
// Run it: symmem run -n 2 symmem_one_shot_all_reduce
#include <cuda_runtime.h>

#include <cstdio>
#include <symmem/symmem.hpp>
#include <vector>

#include "one_shot_all_reduce.cuh"

namespace {

constexpr int kCount = 1 << 18, kBlocks = 16, kThreads = 512;

bool run(symmem::Context& context, int gpu) {
  const symmem::Tensor input =
      context.empty_strided_p2p({kCount}, {1}, symmem::kFloat32, {symmem::DeviceType::cuda, gpu});
  const auto memory = context.rendezvous(input);
  std::vector<float> mine(kCount), sums(kCount);
  for (int i = 0; i < kCount; ++i) mine[i] = static_cast<float>(i % 100 + context.rank());
  float* result = nullptr;
  cudaMalloc(&result, kCount * sizeof(float));
  cudaMemcpy(input.data(), mine.data(), kCount * sizeof(float), cudaMemcpyDefault);
  cudaEvent_t begin, end;
  cudaEventCreate(&begin), cudaEventCreate(&end);
  constexpr int kTimes = 20;
  const auto reduce = [&] {
    one_shot_all_reduce<<<kBlocks, kThreads>>>(memory->device_view(), result, kCount);
  };
  reduce();
  if (const cudaError_t error = cudaGetLastError(); error != cudaSuccess) {
    std::printf("rank %d: %s\n", context.rank(), cudaGetErrorString(error));
    return false;
  }
  cudaEventRecord(begin);
  for (int i = 0; i < kTimes; ++i) reduce();
  cudaEventRecord(end);
  cudaMemcpy(sums.data(), result, kCount * sizeof(float), cudaMemcpyDefault);
  memory->flush();  // Throws if a barrier in a kernel has failed.
  float milliseconds = 0;
  cudaEventElapsedTime(&milliseconds, begin, end);
  const int size = context.world_size();
  int wrong = 0;
  for (int i = 0; i < kCount; ++i)
    wrong += sums[i] != static_cast<float>(size * (i % 100) + size * (size - 1) / 2);
  std::printf("rank %d of %d on GPU %d: %d wrong of %d, %.1f us\n", context.rank(), size, gpu,
              wrong, kCount, 1e3 * milliseconds / kTimes);
  cudaFree(result);
  memory->close();
  return wrong == 0;
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
  return run(context, gpu) ? 0 : 1;
} catch (const symmem::Error& e) {
  return std::fprintf(stderr, "all_reduce: %s\n", e.what()), 1;
}
