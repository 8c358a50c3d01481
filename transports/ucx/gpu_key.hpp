// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "gpu/gpu.hpp"
#include "ucx/key.hpp"

namespace symmem::ucx {

/// Access to a peer's block through UCX if the local memory, the block or both are on a GPU.
/// Messages are staged in host memory in chunks. Puts use RMA if UCX supports GPU memory. Gets
/// never use RMA: UCX emulates RMA gets, and aborts the target's process if the reader has died.
class GpuKey : public UcxKey {
 public:
  /// `gpu` is the GPU of the caller's memory. `rma` is true if UCX can access GPU memory on both
  /// ranks.
  GpuKey(std::shared_ptr<Engine> engine, Endpoint& endpoint, UcxHandle handle, Gpu& gpu, bool rma);

  void put(std::size_t offset, const void* source, std::size_t bytes, Wait& wait) override;
  void get(std::size_t offset, void* target, std::size_t bytes, Wait& wait) override;
  void get_pieces(std::span<const GetPiece> pieces, Wait& wait) override {
    BlockKey::get_pieces(pieces, wait);  // NOLINT(bugprone-parent-virtual-call): one get per piece.
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
