// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/lifetime.hpp"
#include "rendezvous/group_record.hpp"
#include "symmem/context.hpp"

namespace symmem {

/// The groups of one Context, by name. Calls may come from any thread.
class GroupRegistry {
 public:
  GroupRegistry(const Lifetime& lifetime, Process process, std::chrono::milliseconds timeout)
      : lifetime_(lifetime), process_(std::move(process)), timeout_(timeout) {}

  /// Error(invalid_argument) for a name in use, an empty or overlong name, a rank out of range.
  void add(const std::string& name, const GroupInfo& info);
  /// Leaves and forgets a group that this rank failed to join.
  void forget(const std::string& name) noexcept;
  /// Error(invalid_argument) for an unknown name.
  std::shared_ptr<GroupRecord> record(const std::string& name) const;
  /// Likewise. The reference is valid as long as the registry.
  const GroupInfo& info(const std::string& name) const;
  /// Collective: closes the group's memories and forgets the group. Returns the failure if the
  /// collective failed; throws if it could not begin, and then the group stays.
  std::exception_ptr end(const std::string& name, Timeout timeout);

  /// The processes of all groups that were lost, rather than left.
  std::vector<Process> lost() const;
  /// Leaves every group: later calls fail. Once the Lifetime has begun its end.
  void leave() noexcept;
  /// Detaches and forgets all memories. After leave(), when no thread uses any.
  void release() noexcept;

 private:
  struct Named {
    GroupInfo* info = nullptr;
    std::shared_ptr<GroupRecord> record;
  };

  /// With mutex_ held.
  const Named& find(const std::string& name) const;
  std::vector<std::shared_ptr<GroupRecord>> records() const;

  const Lifetime& lifetime_;
  const Process process_;
  const std::chrono::milliseconds timeout_;
  mutable std::mutex mutex_;     ///< Guards what follows.
  std::deque<GroupInfo> infos_;  ///< Never shrinks: info()'s references stay valid.
  std::map<std::string, Named> groups_;
  bool has_joined_ = false;  ///< The world was added, and maybe ended since.
  std::vector<std::shared_ptr<GroupRecord>> retired_;  ///< Ended, but peers may still write there.
};

}  // namespace symmem
