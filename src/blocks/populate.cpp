// SPDX-License-Identifier: Apache-2.0
#include "blocks/populate.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>

#include "base/check.hpp"
#include "blocks/available_memory.hpp"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace symmem {
namespace {

std::size_t page_size() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

/// The pages that contain [at, at+bytes).
struct Pages {
  Pages(std::byte* at, std::size_t size)
      : begin(at - reinterpret_cast<std::uintptr_t>(at) % page_size()),
        bytes((static_cast<std::size_t>(at - begin) + size + page_size() - 1) / page_size() *
              page_size()) {}
  std::byte* const begin;
  const std::size_t bytes;
};

/// Throws Error(exhausted) if the pages that are not resident exceed the available memory. Without
/// this check the kernel would kill this process later, with SIGBUS or through the OOM killer.
void require_memory_for(const Pages& pages) {
  const AvailableMemory available = available_memory();
  const auto fits = [&](std::size_t bytes) {
    return bytes <= available.host.value_or(bytes) && bytes <= available.cgroup.value_or(bytes);
  };
  if (fits(pages.bytes)) return;
  std::array<unsigned char, 4096> resident;
  std::size_t missing = 0;
  const std::size_t page = page_size(), step = resident.size() * page;
  for (std::size_t done = 0; done < pages.bytes && fits(missing); done += step) {
    const std::size_t bytes = std::min(step, pages.bytes - done);
    if (::mincore(pages.begin + done, bytes, resident.data()) != 0)
      fail_errno(errno, "mincore of memory to populate");
    missing += page * static_cast<std::size_t>(
                          std::count_if(resident.begin(), resident.begin() + bytes / page,
                                        [](unsigned char flags) { return (flags & 1) == 0; }));
  }
  if (!fits(missing)) static_cast<void>(require_available(missing));
}

}  // namespace

void populate(std::byte* at, std::size_t bytes) {
  if (bytes == 0) return;
  const Pages pages(at, bytes);
  require_memory_for(pages);
  while (::madvise(pages.begin, pages.bytes, MADV_POPULATE_WRITE) != 0) {
    const int error = errno;
    if (error == EINVAL) return touch_pages(at, bytes);
    if (error == EINTR || error == EAGAIN) continue;
    // EFAULT: an access would raise SIGBUS, for example because a tmpfs or the pool of huge pages
    // is full.
    require(error != EFAULT, Errc::exhausted,
            "cannot populate {} bytes of host memory: the kernel cannot allocate the pages", bytes);
    fail_errno(error, fmt::format("cannot populate {} bytes of host memory", bytes));
  }
}

void touch_pages(std::byte* at, std::size_t bytes) {
  if (bytes == 0) return;
  const Pages pages(at, bytes);
  for (std::size_t done = 0; done < pages.bytes; done += page_size()) {
    // Stores the current value of the byte again. The store is atomic, because other threads may
    // store to the byte.
    std::atomic_ref byte(reinterpret_cast<unsigned char&>(pages.begin[done]));
    unsigned char value = byte.load(std::memory_order_relaxed);
    while (!byte.compare_exchange_weak(value, value, std::memory_order_relaxed)) {
    }
  }
}

}  // namespace symmem
