// SPDX-License-Identifier: Apache-2.0
#include "blocks/available_memory.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

#include "base/check.hpp"

namespace symmem {
namespace {

namespace fs = std::filesystem;

std::optional<std::size_t> read_number(const fs::path& file) {
  std::size_t value = 0;
  // cgroup v2 writes "max" if there is no limit.
  if (std::ifstream(file) >> value) return value;
  return {};
}

/// Returns limit - usage of the cgroup at `dir`; empty if the cgroup has no limit. The usage
/// includes the page cache. The kernel reclaims the inactive page cache on demand, so it counts as
/// available.
std::optional<std::size_t> left_in(const fs::path& dir, const char* limit, const char* usage,
                                   const std::string& cache) {
  const auto most = read_number(dir / limit);
  // cgroup v1 reports a number near 2^63 if there is no limit. Return before the reads below: for
  // each of them the kernel sums counters over all CPUs.
  if (!most || *most >= std::size_t{1} << 62) return {};
  const auto used = read_number(dir / usage);
  if (!used) return {};
  std::size_t reclaimable = 0, value = 0;
  std::ifstream stat(dir / "memory.stat");
  for (std::string key; stat >> key >> value;)
    if (key == cache) reclaimable = value;
  const std::size_t held = *used - std::min(*used, reclaimable);
  return *most - std::min(*most, held);
}

void take_least(std::optional<std::size_t>& least, std::optional<std::size_t> value) {
  if (value && (!least || *value < *least)) least = value;
}

std::optional<std::size_t> left_in_cgroups() {
  std::optional<std::size_t> least;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    // "0::/path" (v2) or "5:memory,cpu:/path" (v1).
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool v2 = controllers == ",,";
    if (!v2 && controllers.find(",memory,") == std::string::npos) continue;
    const fs::path root = v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    // In a container the path may be the path on the host. The limit is then in the root directory
    // of the container's cgroup file system.
    fs::path dir = root / fs::path(line.substr(second + 1)).relative_path();
    for (;; dir = dir.parent_path()) {
      take_least(least, v2 ? left_in(dir, "memory.max", "memory.current", "inactive_file")
                           : left_in(dir, "memory.limit_in_bytes", "memory.usage_in_bytes",
                                     "total_inactive_file"));
      if (dir == root || dir == dir.parent_path()) break;
    }
  }
  return least;
}

}  // namespace

AvailableMemory available_memory() {
  AvailableMemory available;
  std::ifstream info("/proc/meminfo");
  for (std::string line; !available.host && std::getline(info, line);) {
    std::istringstream words(line);
    std::string key;
    std::size_t kibibytes = 0;
    if (words >> key >> kibibytes && key == "MemAvailable:") available.host = kibibytes * 1024;
  }
  available.cgroup = left_in_cgroups();
  return available;
}

std::size_t require_available(std::size_t bytes) {
  const AvailableMemory available = available_memory();
  const auto text = [](const std::optional<std::size_t>& value) {
    return value ? fmt::format("{} bytes", *value) : std::string("unknown");
  };
  constexpr auto kUnknown = std::numeric_limits<std::size_t>::max();
  const std::size_t least =
      std::min(available.host.value_or(kUnknown), available.cgroup.value_or(kUnknown));
  require(bytes <= least, Errc::exhausted,
          "{} bytes of host memory requested; available on the host (MemAvailable): {}, below the "
          "cgroup limit: {}",
          bytes, text(available.host), text(available.cgroup));
  return least;
}

}  // namespace symmem
