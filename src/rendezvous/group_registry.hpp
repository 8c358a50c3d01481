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

/// The groups of one Context, by name. Thread-safe.
class GroupRegistry {
 public:
  GroupRegistry(const Lifetime& lifetime, Process process, std::chrono::milliseconds timeout)
      : lifetime_(lifetime), process_(std::move(process)), timeout_(timeout) {}

  /// Adds a group. Throws Error(invalid_argument) if the name is in use, empty or too long, or if
  /// the rank is out of range.
  void add(const std::string& name, const GroupInfo& info);
  /// Leaves and removes a group that this rank failed to join.
  void forget(const std::string& name) noexcept;
  /// Returns the record of a group. Throws Error(invalid_argument) for an unknown name.
  std::shared_ptr<GroupRecord> record(const std::string& name) const;
  /// Returns a reference that is valid as long as the registry. Throws Error(invalid_argument) for
  /// an unknown name.
  const GroupInfo& info(const std::string& name) const;
  /// Closes the group's SymmetricMemory objects and removes the group. Collective. Returns the
  /// failure if the collective failed. Throws if the collective could not begin; the group then
  /// remains registered.
  std::exception_ptr end(const std::string& name, Timeout timeout);

  /// Returns the lost processes of all groups. Does not include processes that left.
  std::vector<Process> lost() const;
  /// Leaves every group, so that later calls fail. Called after Lifetime::begin_end.
  void leave() noexcept;
  /// Detaches and removes all SymmetricMemory objects. Called after leave(), when no thread uses
  /// them.
  void release() noexcept;

 private:
  struct Named {
    GroupInfo* info = nullptr;
    std::shared_ptr<GroupRecord> record;
  };

  /// The caller must hold mutex_.
  const Named& find(const std::string& name) const;
  std::vector<std::shared_ptr<GroupRecord>> records() const;

  const Lifetime& lifetime_;
  const Process process_;
  const std::chrono::milliseconds timeout_;
  mutable std::mutex mutex_;     ///< Guards the members below.
  std::deque<GroupInfo> infos_;  ///< Never shrinks, so references from info() stay valid.
  std::map<std::string, Named> groups_;
  bool has_joined_ = false;  ///< The world was added, and may have ended since.
  /// Ended groups to whose memory peers may still write.
  std::vector<std::shared_ptr<GroupRecord>> retired_;
};

}  // namespace symmem
