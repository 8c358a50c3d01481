// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace symmem::cuda_ipc {

/// Whether two GPUs, named by UUID, have native atomics on each other's memory; empty if the
/// management library cannot tell. It also knows GPUs that CUDA_VISIBLE_DEVICES hides.
std::optional<bool> native_atomics(const std::string& one, const std::string& other);

}  // namespace symmem::cuda_ipc
