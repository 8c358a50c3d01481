// SPDX-License-Identifier: Apache-2.0
#include "gpu/staging_pool.hpp"

#include <mutex>
#include <vector>

#include "gpu/driver.hpp"
#include "gpu/gpu.hpp"

namespace symmem::cuda {
namespace {

/// Number of buffers: enough for one long get, one long put and some replies to peers at the same
/// time.
constexpr std::size_t kBuffers = 24;

}  // namespace

class StagingPool::Buffers {
 public:
  explicit Buffers(int device) : device_(device) {
    idle_.reserve(kBuffers);
    const OnDevice here(device);
    check(cudaHostAlloc(reinterpret_cast<void**>(&all_), kBuffers * Gpu::kStageBytes,
                        cudaHostAllocPortable),
          "cudaHostAlloc");
    for (std::size_t i = 0; i < kBuffers; ++i) idle_.push_back(all_ + i * Gpu::kStageBytes);
  }
  ~Buffers() {
    try {
      const OnDevice here(device_);
      static_cast<void>(cudaFreeHost(all_));
    } catch (...) {  // CUDA is shutting down and frees the memory itself.
    }
  }
  Buffers(const Buffers&) = delete;
  Buffers& operator=(const Buffers&) = delete;

  std::byte* acquire() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return nullptr;
    std::byte* const buffer = idle_.back();
    idle_.pop_back();
    return buffer;
  }
  void release(std::byte* buffer) {
    const std::lock_guard lock(mutex_);
    if (!closed_) idle_.push_back(buffer);
  }
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    idle_.clear();
  }

 private:
  const int device_;
  std::byte* all_ = nullptr;
  std::mutex mutex_;  ///< Guards the members below.
  bool closed_ = false;
  std::vector<std::byte*> idle_;
};

StagingPool::StagingPool(int device) : buffers_(std::make_shared<Buffers>(device)) {}

void StagingPool::close() { buffers_->close(); }

std::shared_ptr<std::byte[]> StagingPool::acquire() {
  std::byte* const buffer = buffers_->acquire();
  if (buffer == nullptr) return nullptr;
  return {buffer, [buffers = buffers_](std::byte* released) { buffers->release(released); }};
}

}  // namespace symmem::cuda
