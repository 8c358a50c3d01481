// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/deadline.hpp"
#include "base/fork.hpp"
#include "symmem/context.hpp"
#include "symmem/extend/store.hpp"

namespace symmem {

/// Interface for objects whose waiting threads must recheck when their group changes.
class GroupObserver {
 public:
  virtual ~GroupObserver() = default;
  /// Called when a member is gone, the store is lost, or this rank leaves the group. Runs under the
  /// group's lock: it must not block, and may call only is_gone and store_is_lost on the group.
  virtual void group_changed() = 0;
};

/// One rank's membership in a group: the members, which of them are gone (left or lost), and the
/// order of collective calls. Thread-safe.
class Group : public GroupListener, public std::enable_shared_from_this<Group> {
 public:
  Group(std::string name, const GroupInfo& info, Process process,
        std::chrono::milliseconds timeout);

  const std::string& name() const { return name_; }
  int rank() const { return rank_; }
  int world_size() const { return world_size_; }
  /// Returns the group's store. Throws Error(finished) after leave_locally.
  std::shared_ptr<Store> store() const;
  Deadline deadline(Timeout timeout) const { return Deadline::in(timeout, timeout_); }
  /// Throws Error(invalid_argument) if `timeout` is negative. Does not read the clock.
  static void check_timeout(Timeout timeout) {
    if (timeout && timeout->count() < 0) static_cast<void>(Deadline::in(timeout, {}));
  }
  /// Returns the process of `rank`. Requires a successful join.
  Process member(int rank) const;
  /// Returns a text such as "rank 2 (host a, pid 17)".
  std::string describe(int rank) const;
  /// Returns a text such as "rank 1 (host a, pid 16), rank 2 (host a, pid 17)".
  std::string describe(const std::vector<int>& ranks) const;

  /// Throws Error(peer_lost) if `rank` is gone, and Error(finished) after leave_locally and in a
  /// forked child. Fast enough for a call in every operation.
  void check_peer(int rank, const char* operation) const {
    fork_.check();
    if (states_[static_cast<std::size_t>(rank)].load() != State::active) [[unlikely]]
      fail_gone(rank, operation);
  }
  bool is_gone(int rank) const {
    return states_[static_cast<std::size_t>(rank)].load() != State::active;
  }
  /// Calls check_peer for each of `ranks`, and throws Error(store_lost) if the store is lost,
  /// because a wait cannot detect a lost peer without the store.
  void check_waitable(const std::vector<int>& ranks, const char* operation) const;
  /// Returns the processes of the lost members. Does not include members that left.
  std::vector<Process> lost() const;
  bool store_is_lost() const { return store_lost_.load(); }
  const ForkGuard& fork() const { return fork_; }

  /// Notifies `observer` of each change until remove_observer. Does not own `observer`.
  void add_observer(GroupObserver* observer);
  void remove_observer(GroupObserver* observer);

  /// Joins the group at the store; later calls return the same membership. Collective.
  const Membership& join(const Deadline& deadline);
  bool joined() const;
  /// Leaves the group on this rank only: notifies the store and makes every later call throw
  /// Error(finished) with `why`. Does nothing in a forked child.
  void leave_locally(const std::string& why) noexcept;
  /// Ends the group at the store once all ranks have called this. Collective; requires join.
  void end_collectively(const Deadline& deadline);

  /// Serialises collective calls. A failed try_lock means that the application made two calls at
  /// once.
  std::mutex& collective_mutex() { return collective_mutex_; }
  std::uint64_t next_sequence() { return sequence_++; }

  void member_gone(int rank, Departure how, const std::string& reason) override;
  void store_lost(const std::string& reason) override;

 private:
  enum class State : std::uint8_t { active, left, lost, finished };

  [[noreturn]] void fail_gone(int rank, const char* operation) const;
  void notify_observers();

  const std::string name_;
  const int rank_;
  const int world_size_;
  const Process process_;
  const std::chrono::milliseconds timeout_;
  const ForkGuard fork_;

  std::mutex collective_mutex_;
  std::uint64_t sequence_ = 0;  ///< Guarded by collective_mutex_.

  /// The state of each rank. The store's thread writes a state after the reason; every operation
  /// reads states. Accesses are sequentially consistent, like accesses to a doorbell's count of
  /// sleepers: either a thread that is about to sleep reads the new state, or the ringing thread
  /// reads the new number of sleepers.
  std::vector<std::atomic<State>> states_;
  std::atomic<bool> store_lost_{false};
  mutable std::mutex mutex_;      ///< Guards the members below.
  std::shared_ptr<Store> store_;  ///< Null after leave_locally, which releases the connection.
  Membership membership_;
  std::vector<std::string> reasons_;
  std::string store_reason_;
  std::set<GroupObserver*> observers_;
};

}  // namespace symmem
