// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/event_loop.hpp"
#include "fd_service/fd_service.hpp"
#include "base/fork.hpp"
#include "gpu/gpu.hpp"
#include "base/log.hpp"
#include "rendezvous/group_record.hpp"
#include "context/persistent.hpp"
#include "symmem/options.hpp"
#include "symmem/extend/transport.hpp"

namespace symmem {

/// What the parts of a Context share. Its allocators hold it weakly: they may outlive the Context.
class Runtime {
 public:
  explicit Runtime(const Options& the_options);
  ~Runtime();

  /// Throws Error(finished) once the Context ends, and in a forked child.
  void check() const;

  /// Error(invalid_argument) for a name that is in use, or unknown.
  void add_group(const std::string& name, const GroupInfo& info);
  std::shared_ptr<GroupRecord> record(const std::string& name) const;
  const GroupInfo& group_info(const std::string& name) const;
  /// Collective: closes what is left in the group and forgets it.
  void end_group(const std::string& name, Timeout timeout);

  void add_transport(DeviceType type, std::shared_ptr<Transport> transport);
  /// Those for `type` that SYMMEM_TRANSPORTS keeps, best first.
  std::vector<std::shared_ptr<Transport>> transports(DeviceType type) const;

  /// Waits for what the transports have accepted: before leave.
  void finish_transports() noexcept;
  /// Ends the transports' threads: after leave.
  void stop_transports() noexcept;
  /// Leaves every group: later calls fail. After `finalizing` was set.
  void leave() noexcept;
  /// Lets go of all memory, ours and the peers'. After leave, and when no other thread uses any.
  void release() noexcept;

  const Options options;
  const Process process;
  const std::string host_id;
  const ForkGuard fork;
  Log log;
  const std::shared_ptr<BlockIds> block_ids;
  std::atomic<bool> finalizing{false};
  Persistent persistent;
  std::shared_ptr<EventLoop> loop;
  std::unique_ptr<FdService> fds;
  const std::shared_ptr<Gpus> gpus;                ///< Null in a build without CUDA.
  const std::shared_ptr<BlockMaker> pinned_maker;  ///< Likewise.
  const std::vector<std::shared_ptr<BlockMaker>> makers;

  /// The GPU of memory on `device`; null for the host.
  std::shared_ptr<Gpu> gpu(const Device& device) const {
    return device.type == DeviceType::cuda && gpus ? gpus->gpu(device.index) : nullptr;
  }

 private:
  struct Named {
    GroupInfo* info = nullptr;
    std::shared_ptr<GroupRecord> record;
  };

  std::vector<std::shared_ptr<GroupRecord>> records() const;
  std::vector<std::shared_ptr<Transport>> all_transports() const;
  /// Logs the names in SYMMEM_TRANSPORTS that no transport has. With mutex_ held.
  void warn_of_unknown_transports(const char* option, const std::vector<std::string>& names) const;

  mutable std::mutex mutex_;     ///< Guards what follows.
  std::deque<GroupInfo> infos_;  ///< Never shrinks: get_group_info's result stays valid.
  std::map<std::string, Named> groups_;
  std::vector<std::shared_ptr<GroupRecord>> retired_;  ///< Ended, but peers may still write there.
  std::map<DeviceType, std::vector<std::shared_ptr<Transport>>> transports_;
  mutable bool names_checked_ = false;  ///< At the first rendezvous, when all are registered.
};

}  // namespace symmem
