// SPDX-License-Identifier: Apache-2.0
/// Stores: the service through which the ranks of a group join, gather and end.
///
/// Derive from Store to let ranks meet through a service of your own (symmem's own stores are in
/// symmem/key_value_store.hpp). The library calls these four functions and no others:
///
///   class MyStore : public symmem::Store { ... };
///   auto store = std::make_shared<MyStore>();
///   symmem::Context context(options, store);                  // the world joins through it
///   context.set_group_info("row", rank, world_size, store);   // or one group does
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "symmem/api.hpp"
#include "symmem/types.hpp"

namespace SYMMEM_API symmem {

/// A process as messages name it: "(host a, pid 17)". The random `id` distinguishes processes, and
/// Contexts within one process, whose host names and pids are equal.
struct Process {
  std::string host;
  std::int64_t pid = 0;
  std::uint64_t id = 0;
};

/// How a member departed: it called leave, or its process or connection failed.
enum class Departure { left, lost };

/// Receives the departures of a group's members. The store calls it from a thread of its own or
/// within a call by any thread. Must not block, must not call the store, and must not lock a mutex
/// that another thread may hold while it calls the store.
class GroupListener {
 public:
  virtual ~GroupListener() = default;
  /// Reports that member `rank` departed. `reason` is a text such as "connection closed". At most
  /// one call per rank.
  virtual void member_gone(int rank, Departure how, const std::string& reason) = 0;
  /// Reports that the store cannot be reached any more. At most one call, and the last one.
  virtual void store_lost(const std::string& reason) = 0;
};

/// What one rank sends to join a group.
struct JoinRequest {
  std::string group;
  int rank = 0;
  int world_size = 1;
  Process process;
};

/// One rank's membership in one group, valid from join to end or leave.
struct Membership {
  std::string id;  ///< Made by the store and never reused; the name of a group may be.
  std::string group;
  int rank = 0;
  std::vector<Process> members;  ///< By rank; its size is the world size.
};

/// The service through which the groups of a job join, gather and end.
///
/// Calls may come from any thread; a call that waits must not delay those of other threads. An
/// empty Timeout is the store's default. Every call throws Error(timeout) after its deadline and
/// Error(store_lost) if the service cannot be reached.
class Store {
 public:
  virtual ~Store() = default;

  /// Collective over the group: waits until all ranks have joined. Fails with one error on all
  /// ranks if a rank is missing at the first deadline that expires, if world sizes differ, or if
  /// two processes claim one rank (the error names both). Calls `listener`, unless it is null,
  /// until end or leave.
  virtual Membership join(const JoinRequest& request, std::shared_ptr<GroupListener> listener,
                          Timeout = {}) = 0;
  /// Collective over the group: sends this rank's value and returns the values of all ranks, by
  /// rank. The store decides each gather once: complete, or failed with the missing ranks named, at
  /// the first deadline that expires or the first member that departs without a value. A rank that
  /// calls later receives the same verdict at once. A rank uses each key once per group.
  virtual std::vector<std::string> gather(const Membership& group, const std::string& key,
                                          const std::string& value, Timeout = {}) = 0;
  /// Collective over the group: ends it after a gather without values. Any ranks may then join a
  /// group of the same name.
  virtual void end(const Membership& group, Timeout = {}) = 0;
  /// Leaves the group. Local: notifies the other members and fails the gathers that still need this
  /// rank. Does not throw if the store is lost.
  virtual void leave(const Membership& group) = 0;
};

}  // namespace symmem
