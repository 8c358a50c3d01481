// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <set>
#include <source_location>
#include <string>

namespace symmem::harness {

/// What this process holds of the system, by kind and name: "fd socket", "mapping /memfd:symmem",
/// "thread symmem", "/dev/shm/symmem-1". Anonymous memory and shared libraries are left out: the
/// allocator and the resolver keep them.
///
///   const Resources before = Resources::now();
///   ... what must leave nothing behind ...
///   CHECK(before.changes() == "");
class Resources {
 public:
  static Resources now();

  /// What differs now, "fd socket: 3 -> 4", by ", "; empty if nothing does. Measures again while
  /// there is a difference, for some seconds: what others are about to give back is no leak.
  std::string changes() const;

 private:
  std::map<std::string, int> counts_;
};

/// The numbers of this process's open descriptors.
std::set<int> open_descriptors();

/// Runs `body`, after which this process must hold nothing that it did not hold before.
void leaving_nothing(const std::function<void()>& body,
                     std::source_location site = std::source_location::current());

}  // namespace symmem::harness
