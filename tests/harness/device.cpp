// SPDX-License-Identifier: Apache-2.0
#include "harness/device.hpp"

#include <cstring>
#include <string>

#include "base/environment.hpp"
#include "harness/errors.hpp"
#include "harness/network.hpp"
#include "harness/progress.hpp"
#include "harness/ranks.hpp"
#ifdef SYMMEM_CUDA
#include "gpu/driver.hpp"
#endif

namespace symmem::harness {
namespace {

#ifdef SYMMEM_CUDA
int count_gpus() { return cuda::Driver::get().device_count(); }
#else
int count_gpus() { throw Error(Errc::unsupported, "built without CUDA"); }
#endif

}  // namespace

bool tests_gpu_memory() { return value_of(process_environment(), "HARNESS_DEVICE") == "cuda"; }

Device tested_device(int rank) {
  if (!tests_gpu_memory()) return {};
  return {DeviceType::cuda, rank % count_gpus()};
}

bool can_use_gpus(int count) {
  if (in_rank_process()) return true;
  int seen = 0;
  const auto error = error_of([&seen] { seen = count_gpus(); });
  if (error)
    skip(std::string("no GPU: ") + error->what());
  else if (seen < count)
    skip("needs " + std::to_string(count) + " GPUs; visible: " + std::to_string(seen));
  return seen >= count;
}

bool takes_turns(int ranks) {
  return ranks > count_gpus() && value_of(process_environment(), "CUDA_MPS_PIPE_DIRECTORY").empty();
}

bool can_use_tested_device() {
  if (!tests_gpu_memory()) return true;
  const bool by_ucx = value_of(process_environment(), "SYMMEM_TRANSPORTS") == "ucx";
  return by_ucx ? can_use_ucx_with_cuda() : can_use_gpu();
}

void copy_on(const Device& device, void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
#ifdef SYMMEM_CUDA
  if (device.type == DeviceType::cuda) {
    const cuda::OnDevice here(device.index);
    cuda::check(cudaMemcpy(to, from, bytes, cudaMemcpyDefault), "cudaMemcpy");
    // cudaMemcpy from pageable memory may return before the copy is complete.
    cuda::check(cudaStreamSynchronize(nullptr), "cudaStreamSynchronize");
    return;
  }
#else
  static_cast<void>(device);
#endif
  std::memcpy(to, from, bytes);
}

}  // namespace symmem::harness
