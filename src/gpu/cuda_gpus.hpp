// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "gpu/gpu.hpp"

namespace symmem::cuda {

/// Returns access to the GPUs of this process. The first use of each loads kernels and creates
/// streams.
std::shared_ptr<Gpus> make_gpus();

}  // namespace symmem::cuda
