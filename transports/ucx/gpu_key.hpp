// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "gpu/gpu.hpp"
#include "ucx/key.hpp"

namespace symmem::ucx {

/// A peer's block by UCX for the memory of a GPU, at either end or at both. Messages are staged
/// through host memory, chunk by chunk; puts go by RMA where UCX works on GPU memory itself. Gets
/// never do: what UCX emulates of them ends the target's process when the asker dies.
class GpuKey : public UcxKey {
 public:
  /// `gpu` is the one that the caller's memory is on; `rma`: both ends' UCX knows CUDA.
  GpuKey(std::shared_ptr<Engine> engine, std::shared_ptr<Endpoint> endpoint, UcxHandle handle,
         std::shared_ptr<Gpu> gpu, bool rma);

  void put(std::size_t offset, const void* source, std::size_t bytes, Wait& wait) override;
  void get(std::size_t offset, void* target, std::size_t bytes, Wait& wait) override;
  void get_pieces(std::span<const GetPiece> pieces, Wait& wait) override {
    BlockKey::get_pieces(pieces, wait);
  }
  void put_nbi(std::size_t offset, const void* source, std::size_t bytes, Wait& wait) override;
  void get_nbi(std::size_t offset, void* target, std::size_t bytes, Wait& wait) override;
  void put_with_signal(std::size_t offset, const void* source, std::size_t bytes, BlockKey& pad,
                       const CounterAddress& place, Wait& wait) override;

 private:
  const std::shared_ptr<Gpu> gpu_;
  const bool rma_;
};

}  // namespace symmem::ucx
