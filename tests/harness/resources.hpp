// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <set>
#include <source_location>
#include <string>

namespace symmem::harness {

/// Counts of this process's system resources, by kind and name: "fd socket", "mapping
/// /memfd:symmem", "thread symmem", "/dev/shm/symmem-1". Excludes anonymous memory and shared
/// libraries, which the memory allocator and the name resolver do not release.
///
///   const Resources before = Resources::now();
///   ... code that must not leak ...
///   CHECK(before.changes() == "");
class Resources {
 public:
  static Resources now();

  /// Returns the differences between these counts and the current counts, such as "fd socket: 3 ->
  /// 4", separated by ", ". Returns an empty string if there is no difference. Polls for some
  /// seconds while there is a difference, because other threads may be releasing resources.
  std::string changes() const;

 private:
  std::map<std::string, int> counts_;
};

/// Returns the numbers of this process's open descriptors.
std::set<int> open_descriptors();

/// Runs `body` and checks that it leaks no resources.
void leaving_nothing(const std::function<void()>& body,
                     std::source_location site = std::source_location::current());

}  // namespace symmem::harness
