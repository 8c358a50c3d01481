// SPDX-License-Identifier: Apache-2.0
#include "ucx/gpu_key.hpp"

#include <algorithm>
#include <vector>

namespace symmem::ucx {

GpuKey::GpuKey(std::shared_ptr<Engine> engine, std::shared_ptr<Endpoint> endpoint, UcxHandle handle,
               std::shared_ptr<Gpu> gpu, bool rma)
    : UcxKey(std::move(engine), std::move(endpoint), std::move(handle)),
      gpu_(std::move(gpu)),
      rma_(rma) {}

void GpuKey::put(std::size_t offset, const void* source, std::size_t bytes, Wait& wait) {
  const auto here = gpu_->enter();
  if (rma_) return put_rma(offset, source, bytes, /*nbi=*/false, wait);
  std::vector<std::byte> stage(std::min(bytes, kMaxPayload));
  for (std::size_t at = 0; at < bytes; at += stage.size()) {
    const std::size_t piece = std::min(bytes - at, stage.size());
    gpu_->copy(stage.data(), static_cast<const std::byte*>(source) + at, piece);
    put_message(offset + at, stage.data(), piece, wait);
  }
}

void GpuKey::put_nbi(std::size_t offset, const void* source, std::size_t bytes, Wait& wait) {
  const auto here = gpu_->enter();
  if (rma_) return put_rma(offset, source, bytes, /*nbi=*/true, wait);
  put(offset, source, bytes, wait);
}

void GpuKey::get(std::size_t offset, void* target, std::size_t bytes, Wait& wait) {
  // As much as is under way at once, so that the wire does not wait for the copies.
  constexpr std::size_t kStage = 8 * kMaxPayload;
  std::vector<std::byte> stage(std::min(bytes, kStage));
  for (std::size_t at = 0; at < bytes; at += stage.size()) {
    const std::size_t piece = std::min(bytes - at, stage.size());
    UcxKey::get(offset + at, stage.data(), piece, wait);
    gpu_->copy(static_cast<std::byte*>(target) + at, stage.data(), piece);
  }
}

void GpuKey::get_nbi(std::size_t offset, void* target, std::size_t bytes, Wait& wait) {
  get(offset, target, bytes, wait);
}

void GpuKey::put_with_signal(std::size_t offset, const void* source, std::size_t bytes,
                             BlockKey& pad, const SignalPlace& place, Wait& wait) {
  put(offset, source, bytes, wait);
  static_cast<UcxKey&>(pad).signal(place, wait);  // Behind what is put, which the core promises.
}

}  // namespace symmem::ucx
