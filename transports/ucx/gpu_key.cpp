// SPDX-License-Identifier: Apache-2.0
#include "ucx/gpu_key.hpp"

#include <algorithm>
#include <vector>

namespace symmem::ucx {
namespace {

/// Host buffers to stage up to `bytes` of a put or get. Contains as many chunks as can be in flight
/// at once, so that the network does not wait for copies. Contains fewer chunks, but at least one,
/// if the GPU has few free stages.
class Staged {
 public:
  Staged(Gpu& gpu, std::size_t bytes) {
    constexpr std::size_t kMaxStages = 8;
    do {
      auto stage = gpu.stage();
      if (!stage && !stages_.empty()) break;
      const std::size_t piece = std::min(bytes - bytes_, kMaxPayload);
      stages_.push_back(stage ? std::move(stage)
                              : std::make_shared_for_overwrite<std::byte[]>(piece));
      bytes_ += piece;
    } while (bytes_ < bytes && stages_.size() < kMaxStages);
  }

  std::size_t bytes() const { return bytes_; }
  /// Calls use(offset, address, length) for each chunk; `offset` counts from the first staged byte.
  template <typename Use>
  void each(Use use) const {
    for (std::size_t i = 0; i < stages_.size(); ++i)
      use(i * kMaxPayload, stages_[i].get(), std::min(bytes_ - i * kMaxPayload, kMaxPayload));
  }
  /// Returns the results of copy(offset, address, length) for all chunks.
  template <typename CopyOf>
  std::vector<Copy> copies(CopyOf copy) const {
    std::vector<Copy> all;
    each([&](auto... piece) { all.push_back(copy(piece...)); });
    return all;
  }

 private:
  std::vector<std::shared_ptr<std::byte[]>> stages_;
  std::size_t bytes_ = 0;
};

}  // namespace

GpuKey::GpuKey(std::shared_ptr<Engine> engine, Endpoint& endpoint, UcxHandle handle, Gpu& gpu,
               bool rma)
    : UcxKey(std::move(engine), endpoint, std::move(handle)), gpu_(gpu), rma_(rma) {}

void GpuKey::put(std::size_t offset, const void* source, std::size_t bytes, Wait& wait) {
  const auto here = gpu_.enter();
  if (rma_) return put_rma(offset, source, bytes, /*nbi=*/false, wait);
  if (gpu_.on_host(source)) return put_message(offset, source, bytes, wait);
  const auto* const from = static_cast<const std::byte*>(source);
  for (std::size_t done = 0; done < bytes;) {
    const Staged staged(gpu_, bytes - done);
    gpu_.copy(staged.copies([&](std::size_t at, std::byte* stage, std::size_t piece) {
      return Copy{stage, from + done + at, piece};
    }));
    staged.each([&](std::size_t at, std::byte* stage, std::size_t piece) {
      put_message(offset + done + at, stage, piece, wait);
    });
    done += staged.bytes();
  }
}

void GpuKey::put_nbi(std::size_t offset, const void* source, std::size_t bytes, Wait& wait) {
  const auto here = gpu_.enter();
  if (rma_) return put_rma(offset, source, bytes, /*nbi=*/true, wait);
  put(offset, source, bytes, wait);
}

void GpuKey::get(std::size_t offset, void* target, std::size_t bytes, Wait& wait) {
  if (gpu_.on_host(target)) return UcxKey::get(offset, target, bytes, wait);
  auto* const to = static_cast<std::byte*>(target);
  for (std::size_t done = 0; done < bytes;) {
    const Staged staged(gpu_, bytes - done);
    std::vector<GetPiece> pieces;
    staged.each([&](std::size_t at, std::byte* stage, std::size_t piece) {
      pieces.push_back({offset + done + at, {stage, piece}});
    });
    UcxKey::get_pieces(pieces, wait);
    gpu_.copy(staged.copies([&](std::size_t at, std::byte* stage, std::size_t piece) {
      return Copy{to + done + at, stage, piece};
    }));
    done += staged.bytes();
  }
}

void GpuKey::get_nbi(std::size_t offset, void* target, std::size_t bytes, Wait& wait) {
  if (gpu_.on_host(target)) return UcxKey::get_nbi(offset, target, bytes, wait);
  get(offset, target, bytes, wait);
}

void GpuKey::put_with_signal(std::size_t offset, const void* source, std::size_t bytes,
                             BlockKey& pad, const CounterAddress& counter, Wait& wait) {
  put(offset, source, bytes, wait);
  static_cast<UcxKey&>(pad).signal(counter, wait);  // The signal is ordered after the put.
}

}  // namespace symmem::ucx
