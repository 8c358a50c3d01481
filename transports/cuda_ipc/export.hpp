// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "fd_service/fd_service.hpp"
#include "symmem/extend/transport.hpp"
#include "symmem/options.hpp"

namespace symmem::cuda_ipc {

/// Names this process, whichever Context asks: within one, memory has its own address.
std::uint64_t address_space();

/// Exports a block of GPU memory in the forms that it has; `forms` is SYMMEM_CUDA_HANDLE. Refused
/// with the reason where it has none.
Offer<Export> export_memory(FdService& fds, const std::shared_ptr<Block>& block,
                            symmem::CudaHandle forms);

}  // namespace symmem::cuda_ipc
