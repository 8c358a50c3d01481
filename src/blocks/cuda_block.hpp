// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "gpu/gpu.hpp"
#include "symmem/extend/block.hpp"

namespace symmem::cuda {

/// Returns a maker of zeroed blocks of GPU memory, allocated with CUDA virtual memory management.
/// Each block can be exported as a descriptor and, if `fabric` is true and the driver supports it,
/// as a fabric handle.
std::unique_ptr<BlockMaker> make_block_maker(Gpus& gpus, bool fabric);

/// Returns a maker of zeroed blocks of pinned host memory, for signal pads that the CPU writes and
/// kernels poll. All GPUs of this process can load from the blocks. The blocks have no descriptor;
/// their device type is host.
std::unique_ptr<BlockMaker> make_pinned_block_maker(Gpus& gpus);

}  // namespace symmem::cuda
