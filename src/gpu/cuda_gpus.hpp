// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "gpu/gpu.hpp"

namespace symmem::cuda {

/// The GPUs of this process, each made ready at its first use: kernels loaded, streams made.
std::shared_ptr<Gpus> make_gpus();

}  // namespace symmem::cuda
