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

/// A memfd mapped shared. The pages behind the usable bytes end in the token.
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

/// Refuses what the host or the cgroup has not left. Asking the kernel costs more than the rest of
/// a block, so one look serves for a second, for blocks that are small beside what it found.
class Available {
 public:
  void check(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (bytes > granted_ || now > until_) {
      const std::size_t left = look(bytes);
      granted_ = std::max(bytes, left / kShare);
      until_ = now + std::chrono::seconds(1);
    }
    granted_ -= bytes;
  }

 private:
  static constexpr std::size_t kShare = 16;

  static std::size_t look(std::size_t bytes);

  std::mutex mutex_;  ///< Guards what follows.
  std::size_t granted_ = 0;
  std::chrono::steady_clock::time_point until_;
};

std::size_t Available::look(std::size_t bytes) {
  const AvailableMemory left = available_memory();
  const auto text = [](const std::optional<std::size_t>& value) {
    return value ? fmt::format("{} bytes", *value) : std::string("unknown");
  };
  const bool fits = (!left.host || bytes <= *left.host) && (!left.cgroup || bytes <= *left.cgroup);
  require(fits, Errc::exhausted,
          "{} bytes of host memory asked for; available on the host (MemAvailable): {}, under the "
          "cgroup's limit: {}",
          bytes, text(left.host), text(left.cgroup));
  constexpr auto kUnknown = std::numeric_limits<std::size_t>::max();
  return std::min(left.host.value_or(kUnknown), left.cgroup.value_or(kUnknown));
}

class HostBlockMaker : public BlockMaker {
 public:
  DeviceType device_type() const override { return DeviceType::host; }

  std::shared_ptr<Block> make(BlockId id, std::size_t bytes, int device_index) override {
    require(device_index == 0, Errc::invalid_argument,
            "host memory asked for on device index {}; the host has index 0 only", device_index);
    const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    require(bytes <= std::numeric_limits<off_t>::max() - page - Block::kTokenBytes, Errc::exhausted,
            "{} bytes of host memory asked for, more than can be addressed", bytes);
    available_.check(bytes);
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
  Available available_;
};

}  // namespace

std::shared_ptr<BlockMaker> make_host_block_maker() { return std::make_shared<HostBlockMaker>(); }

}  // namespace symmem
