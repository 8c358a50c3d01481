// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "symmem/extend/block.hpp"

namespace symmem {

/// Returns a maker of blocks of host memory. Each block is a memfd, which the kernel frees also
/// after a crash. The memfd is sealed, so that no peer can shrink it while other ranks access it.
/// The kernel allocates each page at the first access to the page (see populate). make() throws
/// Error(exhausted) if the block exceeds the available memory of the host or the cgroup: without
/// this check the kernel would kill the process later.
std::unique_ptr<BlockMaker> make_host_block_maker();

}  // namespace symmem
