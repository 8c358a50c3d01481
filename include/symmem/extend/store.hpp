// SPDX-License-Identifier: Apache-2.0
/// What a store must do: bring the ranks of a group together, decide each gather once, and tell the
/// members who left or was lost. Derive from Store to let ranks meet through a service of your own:
///
///   class MyStore : public symmem::Store { ... };
///   symmem::Context context(options, std::make_shared<MyStore>());
///   context.set_group_info("row", rank, world_size, my_store);
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "symmem/api.hpp"
#include "symmem/timeout.hpp"

namespace SYMMEM_API symmem {

/// A process as messages name it: "host a, pid 17". `id` is random and tells processes (and
/// Contexts within one) apart where host names and pids repeat.
struct Process {
  std::string host;
  std::int64_t pid = 0;
  std::uint64_t id = 0;
};

/// How a member went: it said so, or it was not heard of any more.
enum class Departure { left, lost };

/// Hears what becomes of a group's members. Called from a thread of the store, or from one that is
/// in a call of it: must not block, must not call the store, and must not take a lock that anybody
/// holds while calling it.
class GroupListener {
 public:
  virtual ~GroupListener() = default;
  /// Member `rank` went; `reason` is a text such as "connection closed". At most once a rank.
  virtual void member_gone(int rank, Departure how, const std::string& reason) = 0;
  /// The store went. Nothing more will be heard. At most once.
  virtual void store_lost(const std::string& reason) = 0;
};

/// What a rank says to become a member of a group.
struct JoinRequest {
  std::string group;
  int rank = 0;
  int world_size = 1;
  Process process;
};

/// A rank's membership in one group, from join to end or leave.
struct Membership {
  std::string id;  ///< Made by the store, never given twice: a group's name may be used again.
  std::string group;
  int rank = 0;
  std::vector<Process> members;  ///< By rank; its size is the world size.
};

/// The service through which the groups of a job meet. Calls may come from any thread, and no call
/// makes another thread's call wait. Throws Error(timeout) past the deadline, Error(store_lost) if
/// the service cannot be reached.
class Store {
 public:
  virtual ~Store() = default;

  /// Collective over the group: waits until all ranks have joined. Fails alike on all of them if
  /// one does not come by the first deadline, if world sizes differ, or if a rank is claimed twice
  /// (the error names both processes). `listener` is called until end or leave.
  virtual Membership join(const JoinRequest& request, std::shared_ptr<GroupListener> listener,
                          Timeout = {}) = 0;
  /// Collective over the group: each rank gives a value and gets all of them, by rank. The store
  /// decides once: complete, or failed at the first expired deadline or lost member, with the
  /// missing ranks named. A late rank gets the same verdict at once. A key is used once in a group.
  virtual std::vector<std::string> gather(const Membership& group, const std::string& key,
                                          const std::string& value, Timeout = {}) = 0;
  /// Collective over the group: like a gather, after which the group is over and its name may be
  /// joined anew by any ranks.
  virtual void end(const Membership& group, Timeout = {}) = 0;
  /// Leaves the group, alone. The others are told, and gathers that still need this rank fail.
  /// Never throws on a lost store.
  virtual void leave(const Membership& group) = 0;
};

}  // namespace symmem
