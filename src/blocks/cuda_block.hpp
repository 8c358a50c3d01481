// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "gpu/gpu.hpp"
#include "symmem/extend/block.hpp"

namespace symmem::cuda {

/// Makes zeroed blocks of GPU memory by CUDA's virtual memory management. A descriptor shares them;
/// so does a fabric handle if `fabric` is true and the driver grants it.
std::unique_ptr<BlockMaker> make_block_maker(Gpus& gpus, bool fabric);

/// Makes zeroed blocks of pinned host memory, without a descriptor, which all GPUs of this process
/// can load: for pads that the CPU writes and kernels wait on. Their device type is host.
std::unique_ptr<BlockMaker> make_pinned_block_maker(Gpus& gpus);

}  // namespace symmem::cuda
