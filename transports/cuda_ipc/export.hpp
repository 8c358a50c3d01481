// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "fd_service/fd_service.hpp"
#include "symmem/extend/transport.hpp"
#include "symmem/options.hpp"

namespace symmem::cuda_ipc {

/// Exports a block of GPU memory with every kind of handle that `forms` (SYMMEM_CUDA_HANDLE) allows
/// and the memory supports. Throws Refusal if there is no such kind.
std::shared_ptr<Export> export_memory(FdService& fds, const std::shared_ptr<Block>& block,
                                      CudaHandle forms);

}  // namespace symmem::cuda_ipc
