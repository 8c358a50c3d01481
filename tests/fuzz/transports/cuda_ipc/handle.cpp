// SPDX-License-Identifier: Apache-2.0
#include "cuda_ipc/handle.hpp"

#include "fuzz/handle.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return symmem::fuzz_handle<symmem::cuda_ipc::CudaIpcHandle>(data, size);
}
