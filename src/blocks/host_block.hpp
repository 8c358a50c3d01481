// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "symmem/extend/block.hpp"

namespace symmem {

/// Makes blocks of host memory: memfds, which a crash does not leak, sealed so that no peer can
/// shrink them under a reader. The kernel allocates a page at its first access (see populate).
/// make() throws Error(exhausted) for a block beyond the available memory of host or cgroup:
/// without the check the kernel would end the process later.
std::unique_ptr<BlockMaker> make_host_block_maker();

}  // namespace symmem
