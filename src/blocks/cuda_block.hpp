// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "gpu/gpu.hpp"
#include "symmem/extend/block.hpp"

namespace symmem::cuda {

/// Makes blocks of GPU memory by CUDA's virtual memory management: shareable by a descriptor, and
/// by a fabric handle where `fabric` asks for it and the driver grants it. Zeroed.
std::shared_ptr<BlockMaker> make_block_maker(std::shared_ptr<Gpus> gpus, bool fabric);

/// Makes blocks of pinned host memory that all GPUs of this process load from: for pads that the
/// CPU writes and kernels wait on. Zeroed; no descriptor. Of device type host.
std::shared_ptr<BlockMaker> make_pinned_block_maker(std::shared_ptr<Gpus> gpus);

}  // namespace symmem::cuda
