// SPDX-License-Identifier: Apache-2.0
#include "harness/resources.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "base/deadline.hpp"
#include "harness/errors.hpp"

namespace symmem::harness {
namespace {

namespace fs = std::filesystem;

/// Returns `target` without its inode number, which differs between runs: "socket" for
/// "socket:[4711]".
std::string kind_of(const std::string& target) {
  const bool numbered = target.ends_with(']') && !target.starts_with("anon_inode");
  return numbered ? target.substr(0, target.find(':')) : target;
}

void count_descriptors(std::map<std::string, int>& counts) {
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code closed;
    const std::string target = fs::read_symlink(entry.path(), closed);
    // Exclude directories that this function is listing, in this thread or in another thread.
    if (!closed && target.find("/proc/") != 0 && target != "/dev/shm")
      ++counts["fd " + kind_of(target)];
  }
}

void count_mappings(std::map<std::string, int>& counts) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const std::size_t path = line.find('/');
    if (path == std::string::npos || line.find(".so") != std::string::npos) continue;
    ++counts["mapping " + line.substr(path)];
  }
}

/// Returns whether `stat`, the text of /proc/self/task/<tid>/stat (proc_pid_stat(5)), describes an
/// exiting thread. The kernel lists a joined thread until the exit is complete.
bool is_exiting(const std::string& stat) {
  constexpr unsigned kExiting = 0x4;  // PF_EXITING of the kernel's include/linux/sched.h.
  std::istringstream after_name(stat.substr(stat.rfind(')') + 1));
  std::string state;
  std::array<long, 5> ids{};  // The fields ppid, pgrp, session, tty_nr and tpgid.
  unsigned flags = 0;
  after_name >> state;
  for (long& id : ids) after_name >> id;
  after_name >> flags;
  return (flags & kExiting) != 0;
}

void count_threads(std::map<std::string, int>& counts) {
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc/self/task")) {
    std::string name, stat;
    std::getline(std::ifstream(entry.path() / "comm"), name);
    std::getline(std::ifstream(entry.path() / "stat"), stat);
    // An empty string means that the thread has ended since the listing.
    if (!name.empty() && !stat.empty() && !is_exiting(stat)) ++counts["thread " + name];
  }
}

/// Counts only files whose names contain "symmem", because other programs also use /dev/shm.
void count_shared_files(std::map<std::string, int>& counts) {
  std::error_code absent;
  for (const fs::directory_entry& entry : fs::directory_iterator("/dev/shm", absent))
    if (entry.path().string().find("symmem") != std::string::npos) ++counts[entry.path()];
}

}  // namespace

Resources Resources::now() {
  Resources resources;
  count_descriptors(resources.counts_);
  count_mappings(resources.counts_);
  count_threads(resources.counts_);
  count_shared_files(resources.counts_);
  return resources;
}

std::string Resources::changes() const {
  const Deadline deadline = Deadline::in(std::chrono::seconds(5), {});
  for (;;) {
    const Resources after = now();
    std::set<std::string> names;
    for (const auto& [name, count] : counts_) names.insert(name);
    for (const auto& [name, count] : after.counts_) names.insert(name);
    const auto count_in = [](const Resources& resources, const std::string& name) {
      const auto found = resources.counts_.find(name);
      return found == resources.counts_.end() ? 0 : found->second;
    };
    std::string text;
    for (const std::string& name : names)
      if (const int was = count_in(*this, name), is = count_in(after, name); was != is)
        text += fmt::format("{}{}: {} -> {}", text.empty() ? "" : ", ", name, was, is);
    if (text.empty() || deadline.expired()) return text;
    ::sched_yield();
  }
}

std::set<int> open_descriptors() {
  std::set<int> open;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc/self/fd"))
    open.insert(std::stoi(entry.path().filename()));
  // Exclude the descriptor of the directory listing, which is closed now.
  std::erase_if(open, [](int fd) { return ::fcntl(fd, F_GETFD) < 0; });
  return open;
}

void leaving_nothing(const std::function<void()>& body, std::source_location site) {
  std::thread([] {}).join();  // A sanitizer starts a thread when the first thread starts.
  const Resources before = Resources::now();
  body();
  if (const std::string changes = before.changes(); !changes.empty())
    fail_at(site, "resources of this process leaked: " + changes);
}

}  // namespace symmem::harness
