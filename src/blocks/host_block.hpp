// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "symmem/extend/block.hpp"

namespace symmem {

/// Makes blocks of host memory: memfds, which no crash leaves behind, sealed so that no peer can
/// cut them short under a reader. Pages are committed on first touch; a request beyond what the
/// host or the cgroup has left is refused up front, since the kernel would kill later.
std::shared_ptr<BlockMaker> make_host_block_maker();

}  // namespace symmem
