// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "gpu/gpu.hpp"

namespace symmem::cuda {

/// Returns the GPUs of this process. The first use of a GPU loads the kernels and creates the
/// streams.
std::unique_ptr<Gpus> make_gpus();

}  // namespace symmem::cuda
