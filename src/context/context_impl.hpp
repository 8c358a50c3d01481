// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/event_loop.hpp"
#include "base/lifetime.hpp"
#include "base/log.hpp"
#include "context/block_allocator.hpp"
#include "context/builtin.hpp"
#include "context/foreign_memory.hpp"
#include "context/join.hpp"
#include "context/persistent.hpp"
#include "fd_service/fd_service.hpp"
#include "launch/launch.hpp"
#include "rendezvous/group_registry.hpp"
#include "rendezvous/pad_lender.hpp"
#include "rendezvous/rendezvous.hpp"
#include "rendezvous/transport_registry.hpp"
#include "symmem/context.hpp"

namespace symmem {

/// The parts of a Context and the order of their shutdown.
class Context::Impl {
 public:
  explicit Impl(const Options& the_options);
  ~Impl();

  /// Joins the world; collective over all ranks. Uses `store`, or the launcher's store if `store`
  /// is null. If this call throws, a store server of this process still delivers the error to the
  /// other ranks, until the next join() or end().
  void join(std::shared_ptr<Store> store);
  bool joined() const { return joined_.load(std::memory_order_acquire); }
  /// Throws Error(invalid_argument) unless this process has joined. `what` is the name of the
  /// caller.
  void require_joined(const char* what) const;

  /// Leaves all groups and stops the threads. Keeps a store server of this process running until
  /// all ranks have left or the timeout has passed. Unmaps and frees nothing, because at process
  /// exit other threads may still be in a put. Only the first call has an effect.
  void end() noexcept;

  void register_allocator(DeviceType type, std::shared_ptr<SymmetricMemoryAllocator> allocator);
  std::shared_ptr<SymmetricMemoryAllocator> allocator(DeviceType type) const;

  const Options options;
  const Process process;
  const std::string host_id;
  const std::shared_ptr<Lifetime> lifetime = std::make_shared<Lifetime>();
  Log log;
  const std::shared_ptr<EventLoop> loop = std::make_shared<EventLoop>();
  std::unique_ptr<FdService> fds;
  const std::unique_ptr<Gpus> gpus;  ///< Null in a build without CUDA.
  const std::vector<std::unique_ptr<BlockMaker>> makers;
  const std::unique_ptr<BlockMaker> pinned_maker;  ///< Null in a build without CUDA.
  const TransportEnvironment environment;
  BlockIds block_ids;
  GroupRegistry groups;
  TransportRegistry transports;
  const PadLender pads;
  const Rendezvous rendezvous;
  ForeignMemory foreign;
  Persistent persistent;
  Launch launch;  ///< Written by join(); read only after joined().
  JobStore job;   ///< Written by join(); read only after joined().

 private:
  void join_world(const GroupInfo& world);
  void release() noexcept;

  std::mutex join_mutex_;            ///< Held while joining and while `job` ends.
  std::atomic<bool> joined_{false};  ///< Release: `launch` and `job` are complete.
  mutable std::mutex mutex_;         ///< Guards allocators_.
  std::map<DeviceType, std::shared_ptr<SymmetricMemoryAllocator>> allocators_;
  /// The built-in allocators. They live as long as the Context, even if the application replaced
  /// them, because SymmetricMemory objects use them.
  std::vector<std::shared_ptr<BlockAllocator>> built_in_;
};

}  // namespace symmem
