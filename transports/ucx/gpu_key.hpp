// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "gpu/gpu.hpp"
#include "ucx/key.hpp"

namespace symmem::ucx {

/// A peer's block through UCX, with GPU memory at either end or both. Messages are staged through
/// host memory, chunk by chunk; puts use RMA where UCX accesses GPU memory. Gets never do: UCX
/// emulates them, and ends the target's process when the reader has died.
class GpuKey : public UcxKey {
 public:
  /// `gpu` holds the caller's memory; `rma`: UCX accesses GPU memory at both ends.
  GpuKey(std::shared_ptr<Engine> engine, Endpoint& endpoint, UcxHandle handle, Gpu& gpu, bool rma);

  void put(std::size_t offset, const void* source, std::size_t bytes, Wait& wait) override;
  void get(std::size_t offset, void* target, std::size_t bytes, Wait& wait) override;
  void get_pieces(std::span<const GetPiece> pieces, Wait& wait) override {
    BlockKey::get_pieces(pieces, wait);  // NOLINT(bugprone-parent-virtual-call): one get a piece.
  }
  void put_nbi(std::size_t offset, const void* source, std::size_t bytes, Wait& wait) override;
  void get_nbi(std::size_t offset, void* target, std::size_t bytes, Wait& wait) override;
  void put_with_signal(std::size_t offset, const void* source, std::size_t bytes, BlockKey& pad,
                       const CounterAddress& counter, Wait& wait) override;

 private:
  Gpu& gpu_;
  const bool rma_;
};

}  // namespace symmem::ucx
