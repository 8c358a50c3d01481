// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <set>
#include <utility>

namespace symmem::cuda {

/// Pairs of this process's GPUs between which symmem has enabled peer access for memory of
/// cudaMalloc. Calls may come from any thread.
class EnabledPeers {
 public:
  EnabledPeers() = default;
  EnabledPeers(const EnabledPeers&) = delete;
  EnabledPeers& operator=(const EnabledPeers&) = delete;

  /// Lets `device` use all cudaMalloc memory of `owner`, once per pair; it stays enabled. Throws
  /// Refusal with CUDA's text if the GPUs cannot.
  void enable(int device, int owner);

 private:
  std::mutex mutex_;                     ///< Guards pairs_.
  std::set<std::pair<int, int>> pairs_;  ///< (device, owner)
};

}  // namespace symmem::cuda
