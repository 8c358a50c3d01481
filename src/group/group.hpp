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

namespace symmem {

/// Something that sleeps until its group changes.
class Sleeper {
 public:
  virtual ~Sleeper() = default;
  virtual void wake() = 0;
};

/// One rank's part in a group: who the members are, which of them are gone, and the order of its
/// collective calls. Every call may come from any thread.
class Group : public GroupListener, public std::enable_shared_from_this<Group> {
 public:
  Group(std::string name, const GroupInfo& info, Process process,
        std::chrono::milliseconds timeout);

  const std::string& name() const { return name_; }
  int rank() const { return rank_; }
  int world_size() const { return world_size_; }
  /// Error(finished) after finish.
  std::shared_ptr<Store> store() const;
  Deadline deadline(Timeout timeout) const { return Deadline::in(timeout, timeout_); }
  /// Error(invalid_argument) if it is negative, without a look at the clock.
  static void check_timeout(Timeout timeout) {
    if (timeout && timeout->count() < 0) static_cast<void>(Deadline::in(timeout, {}));
  }
  /// Whoever is `rank`. After join.
  Process member(int rank) const;
  /// "rank 2 (host a, pid 17)".
  std::string describe(int rank) const;
  /// "rank 1 (host a, pid 16), rank 2 (host a, pid 17)".
  std::string describe(const std::vector<int>& ranks) const;

  /// Throws Error(finished | peer_lost) if `rank` cannot be worked with any more. Cheap.
  void check_peer(int rank, const char* operation) const {
    fork_.check();
    if (gone_[static_cast<std::size_t>(rank)].load() != Gone::no) [[unlikely]]
      fail_gone(rank, operation);
  }
  bool is_gone(int rank) const { return gone_[static_cast<std::size_t>(rank)].load() != Gone::no; }
  /// Throws as check_peer does, for all of `ranks`, and Error(store_lost): for waits, which a lost
  /// store would leave without an end.
  void check_waitable(const std::vector<int>& ranks, const char* operation) const;
  /// Who was lost, rather than left.
  std::vector<Process> lost() const;
  bool store_is_lost() const { return store_lost_.load(); }
  const ForkGuard& fork() const { return fork_; }

  /// Wakes `sleeper` whenever a member or the store goes, until removed.
  void add_sleeper(Sleeper* sleeper);
  void remove_sleeper(Sleeper* sleeper);

  /// Joins, once; later calls return what the first one got. Collective.
  const Membership& join(const Deadline& deadline);
  bool joined() const;
  /// The end, alone: tells the store and fails every later call. `why` goes into their errors.
  void finish(const std::string& why) noexcept;
  /// The end, together: every rank is here. After join.
  void end(const Deadline& deadline);

  /// Serialises collective calls; `try_lock` failing is a caller's error.
  std::mutex& collective_mutex() { return collective_mutex_; }
  std::uint64_t next_sequence() { return sequence_++; }

  void member_gone(int rank, Departure how, const std::string& reason) override;
  void store_lost(const std::string& reason) override;

 private:
  enum class Gone : std::uint8_t { no, left, lost, finished };

  [[noreturn]] void fail_gone(int rank, const char* operation) const;
  void wake_sleepers();

  const std::string name_;
  const int rank_;
  const int world_size_;
  const Process process_;
  const std::chrono::milliseconds timeout_;
  const ForkGuard fork_;

  std::mutex collective_mutex_;
  std::uint64_t sequence_ = 0;  ///< Guarded by collective_mutex_.

  /// By rank. Written after the reason, by the store's thread; read by every operation.
  /// Sequentially consistent, as `sleepers` of a pad is: a sleeper sees the change, or the change
  /// the sleeper.
  std::vector<std::atomic<Gone>> gone_;
  std::atomic<bool> store_lost_{false};
  mutable std::mutex mutex_;      ///< Guards what follows.
  std::shared_ptr<Store> store_;  ///< Null after finish: the connection is not kept for us.
  Membership membership_;
  std::vector<std::string> reasons_;
  std::string store_reason_;
  std::set<Sleeper*> sleepers_;
};

}  // namespace symmem
