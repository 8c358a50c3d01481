// SPDX-License-Identifier: Apache-2.0
#include "gpu/staging_pool.hpp"

#include <mutex>
#include <vector>

#include "gpu/driver.hpp"
#include "gpu/gpu.hpp"

namespace symmem::cuda {
namespace {

/// As much as one long get, one long put and some answers to peers have under way at once.
constexpr std::size_t kPieces = 24;

}  // namespace

class Stages::Pool {
 public:
  explicit Pool(int device) : device_(device) {
    idle_.reserve(kPieces);
    const OnDevice here(device);
    check(cudaHostAlloc(reinterpret_cast<void**>(&all_), kPieces * Gpu::kStageBytes,
                        cudaHostAllocPortable),
          "cudaHostAlloc");
    for (std::size_t i = 0; i < kPieces; ++i) idle_.push_back(all_ + i * Gpu::kStageBytes);
  }
  ~Pool() {
    try {
      const OnDevice here(device_);
      static_cast<void>(cudaFreeHost(all_));
    } catch (...) {  // The driver is going: it takes it along.
    }
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  std::byte* take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return nullptr;
    std::byte* const piece = idle_.back();
    idle_.pop_back();
    return piece;
  }
  void give_back(std::byte* piece) {
    const std::lock_guard lock(mutex_);
    if (!closed_) idle_.push_back(piece);
  }
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    idle_.clear();
  }

 private:
  const int device_;
  std::byte* all_ = nullptr;
  std::mutex mutex_;  ///< Guards what follows.
  bool closed_ = false;
  std::vector<std::byte*> idle_;
};

Stages::Stages(int device) : pool_(std::make_shared<Pool>(device)) {}

void Stages::close() { pool_->close(); }

std::shared_ptr<std::byte[]> Stages::take() {
  std::byte* const piece = pool_->take();
  if (piece == nullptr) return nullptr;
  return {piece, [pool = pool_](std::byte* given) { pool->give_back(given); }};
}

}  // namespace symmem::cuda
