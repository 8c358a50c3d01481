// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "gpu/deferred_unmaps.hpp"
#include "gpu/enabled_peers.hpp"
#include "gpu/import_cache.hpp"

namespace symmem::cuda {

/// CUDA state that all Contexts of a process share. Never destroyed: other threads may use it until
/// the process exits.
struct ProcessState {
  ProcessState();

  /// Shared because memory of a closed Context stays mapped until the GPU has completed the work
  /// that may use it.
  DeferredUnmaps deferred_unmaps;
  /// Shared because all Contexts use one mapping of a peer's block, and an attachment may outlive
  /// its Context.
  ImportCache imports{deferred_unmaps};
  /// Shared because peer access is a property of the process's CUDA contexts, and enabling it twice
  /// for a pair is a CUDA error.
  EnabledPeers enabled_peers;
  /// Random number that identifies this process in its cuda_ipc handles. Shared because each
  /// Context must recognise the handles from all Contexts of this process.
  const std::uint64_t address_space;
};

/// Returns the state of this process.
ProcessState& process_state();

}  // namespace symmem::cuda
