// SPDX-License-Identifier: Apache-2.0
#include "blocks/available_memory.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace symmem {
namespace {

namespace fs = std::filesystem;

std::optional<std::size_t> read_number(const fs::path& file) {
  std::size_t value = 0;
  // "max" (v2: no limit) is not a number either.
  if (std::ifstream(file) >> value) return value;
  return {};
}

/// What is left in the group at `dir`. Page cache counts as usage there but gives way, so it is
/// given back to what is left.
std::optional<std::size_t> left_in(const fs::path& dir, const char* limit, const char* usage,
                                   const std::string& cache) {
  const auto most = read_number(dir / limit);
  // v1 says "no limit" by a number near 2^63. What follows costs the kernel a sum over all CPUs.
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
    // In a container the path may be that of the host; its own root is then the limit that holds.
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

}  // namespace symmem
