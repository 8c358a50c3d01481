// SPDX-License-Identifier: Apache-2.0
#include "gpu/enabled_peers.hpp"

#include "base/refusal.hpp"
#include "gpu/driver.hpp"

namespace symmem::cuda {

void EnabledPeers::enable(int device, int owner) {
  const OnDevice here(device);
  const std::lock_guard lock(mutex_);
  if (pairs_.contains({device, owner})) return;
  const cudaError_t result = cudaDeviceEnablePeerAccess(owner, 0);
  static_cast<void>(cudaGetLastError());
  refuse_unless(result == cudaSuccess || result == cudaErrorPeerAccessAlreadyEnabled,
                "cudaDeviceEnablePeerAccess: {}", cudaGetErrorString(result));
  pairs_.insert({device, owner});
}

}  // namespace symmem::cuda
