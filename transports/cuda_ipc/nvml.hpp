// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace symmem::cuda_ipc {

/// Returns whether two GPUs, given by UUID, support native atomics on each other's memory; empty if
/// NVML is not installed or fails. NVML also reports the GPUs that CUDA_VISIBLE_DEVICES hides.
std::optional<bool> native_atomics(const std::string& one, const std::string& other);

}  // namespace symmem::cuda_ipc
