// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <set>
#include <utility>

namespace symmem::cuda {

/// Pairs of this process's GPUs between which symmem has enabled peer access, which cudaMalloc
/// memory requires. enable() may be called from any thread.
class EnabledPeers {
 public:
  EnabledPeers() = default;
  EnabledPeers(const EnabledPeers&) = delete;
  EnabledPeers& operator=(const EnabledPeers&) = delete;

  /// Enables access from `device` to all cudaMalloc memory of `owner`, once per pair; never
  /// disables it. Throws Refusal with CUDA's error text if the GPUs have no peer access.
  void enable(int device, int owner);

 private:
  std::mutex mutex_;                     ///< Guards pairs_.
  std::set<std::pair<int, int>> pairs_;  ///< Pairs (device, owner).
};

}  // namespace symmem::cuda
