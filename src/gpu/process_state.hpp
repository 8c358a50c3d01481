// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "gpu/deferred_unmaps.hpp"
#include "gpu/enabled_peers.hpp"
#include "gpu/import_cache.hpp"

namespace symmem::cuda {

/// All mutable state of CUDA that the Contexts of a process share. Never destroyed: other threads
/// may use it until the process has exited.
struct ProcessState {
  ProcessState();

  /// Memory of a closed Context stays mapped until the GPU has completed the work that may use it.
  DeferredUnmaps deferred_unmaps;
  /// Contexts share one mapping of a peer's block, and an attachment may outlive its Context.
  ImportCache imports{deferred_unmaps};
  /// Peer access belongs to the process's CUDA contexts; enabling a pair twice is an error in CUDA.
  EnabledPeers enabled_peers;
  /// Random number by which a cuda_ipc handle identifies the process that made it: every Context
  /// must recognise the handles of every other one.
  const std::uint64_t address_space;
};

/// Returns the state of this process.
ProcessState& process_state();

}  // namespace symmem::cuda
