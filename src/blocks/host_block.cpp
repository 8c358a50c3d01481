// SPDX-License-Identifier: Apache-2.0
#include "blocks/host_block.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <limits>
#include <mutex>

#include "base/check.hpp"
#include "base/unique_handle.hpp"
#include "blocks/available_memory.hpp"

namespace symmem {
namespace {

/// A shared mapping of a memfd. The token follows the usable bytes.
class HostBlock : public Block {
 public:
  HostBlock(BlockId block_id, std::byte* at, std::size_t mapped, Fd fd)
      : Block(block_id, at, mapped - kTokenBytes, Device{}, fd.get()), fd_(std::move(fd)) {
    static_assert(sizeof(BlockId) <= kTokenBytes);
    std::memcpy(base + bytes, &id, sizeof id);
  }
  ~HostBlock() override { ::munmap(base, bytes + kTokenBytes); }

 private:
  Fd fd_;
};

/// Throws Error(exhausted) for a block larger than the available memory. Reading the available
/// memory takes longer than making a block. Each value is therefore reused until 1 s has passed or
/// the new blocks add up to 1/kShare of the available memory.
class AvailabilityCheck {
 public:
  void operator()(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (bytes > granted_ || now > until_) {
      granted_ = std::max(bytes, require_available(bytes) / kShare);
      until_ = now + std::chrono::seconds(1);
    }
    granted_ -= bytes;
  }

 private:
  static constexpr std::size_t kShare = 16;

  std::mutex mutex_;  ///< Guards the members below.
  std::size_t granted_ = 0;
  std::chrono::steady_clock::time_point until_;
};

class HostBlockMaker : public BlockMaker {
 public:
  DeviceType device_type() const override { return DeviceType::host; }

  std::shared_ptr<Block> make(BlockId id, std::size_t bytes, int device_index) override {
    require(device_index == 0, Errc::invalid_argument,
            "host memory requested on device index {}; the host has index 0 only", device_index);
    const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    require(bytes <= std::numeric_limits<off_t>::max() - page - Block::kTokenBytes, Errc::exhausted,
            "{} bytes of host memory requested, more than can be addressed", bytes);
    require_available_(bytes);
    const std::size_t mapped = (bytes + Block::kTokenBytes + page - 1) / page * page;
    Fd fd(::memfd_create("symmem", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd) fail_errno(errno, "memfd_create");
    if (::ftruncate(fd.get(), static_cast<off_t>(mapped)) != 0)
      fail_errno(errno, fmt::format("ftruncate of a memfd to {} bytes", mapped));
    if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
      fail_errno(errno, "sealing a memfd");
    void* at = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (at == MAP_FAILED) fail_errno(errno, fmt::format("mmap of {} bytes of a memfd", mapped));
    return std::make_shared<HostBlock>(id, static_cast<std::byte*>(at), mapped, std::move(fd));
  }

 private:
  AvailabilityCheck require_available_;
};

}  // namespace

std::unique_ptr<BlockMaker> make_host_block_maker() { return std::make_unique<HostBlockMaker>(); }

}  // namespace symmem
