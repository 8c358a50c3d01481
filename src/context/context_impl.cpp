// SPDX-License-Identifier: Apache-2.0
#include "context/context_impl.hpp"

#include <unistd.h>

#include "base/check.hpp"
#include "base/environment.hpp"
#include "base/host.hpp"
#include "base/random.hpp"
#include "launch/find_launch.hpp"
#include "options/options.hpp"

namespace symmem {

Context::Impl::Impl(const Options& the_options)
    : options(the_options),
      process{host_name(), ::getpid(), random_u64()},
      host_id(options.host_id.empty() ? measure_host_id(options.socket_dir.empty())
                                      : options.host_id),
      log(options.log),
      fds(std::make_unique<FdService>(*loop, options.socket_dir)),
      gpus(make_builtin_gpus()),
      makers(make_builtin_block_makers(gpus.get(), options)),
      pinned_maker(make_builtin_pinned_maker(gpus.get())),
      environment{options, host_id, process, *fds, log, gpus.get()},
      block_ids(process.id),
      groups(*lifetime, process, options.timeout),
      transports(options, log),
      pads(options, block_ids, gpus.get(), pinned_maker.get()),
      rendezvous(options, host_id, pads, transports, log),
      foreign(rendezvous, block_ids, makers, gpus.get()) {
  for (const auto& maker : makers) {
    built_in_.push_back(std::make_shared<BlockAllocator>(lifetime, groups, rendezvous, block_ids,
                                                         options.block_size, *maker));
    register_allocator(maker->device_type(), built_in_.back());
  }
  for (auto& builtin : make_builtin_transports(environment))
    transports.add(builtin.device, std::move(builtin.transport));
}

Context::Impl::~Impl() {
  end();
  release();
}

void Context::Impl::join(std::shared_ptr<Store> store) try {
  const std::lock_guard lock(join_mutex_);
  const Environment variables = process_environment();
  launch = find_launch(options, variables);
  log.name_rank(launch.rank);
  for (const std::string& warning : launch.warnings) log.warn("{}", warning);
  for (const ShownOption& option : show_options(options, variables))
    log.info("{}={} ({})", option.name, option.value, option.origin);
  log.info("joining: {}, store: {}", launch.text(),
           store          ? "provided by the application"
           : launch.store ? launch.store->text()
                          : "in this process");
  if (!store) {
    job = {};  // After a failed join the old server still holds the port.
    job = open_store(options, process, loop, launch);
    store = job.store;
  }
  join_world({launch.rank, launch.world_size, std::move(store)});
  joined_.store(true, std::memory_order_release);
  log.info("joined: {}", launch.text());
} catch (Error& e) {
  e.add_context("join");
  throw;
} catch (const std::exception& e) {  // From an application's Store, or out of memory.
  fail(Errc::internal, "join: {}", e.what());
}

void Context::Impl::join_world(const GroupInfo& world) {
  groups.add(kWorld, world);
  try {
    const auto group = groups.record(kWorld)->group;
    // Other threads can already find the world, so this lock refuses their collective calls until
    // the join has completed.
    const std::lock_guard lock(group->collective_mutex());
    group->join(group->deadline({}));
  } catch (...) {  // A later join() may succeed.
    groups.forget(kWorld);
    throw;
  }
}

void Context::Impl::require_joined(const char* what) const {
  require(joined(), Errc::invalid_argument,
          "{}: this process has not joined its job; call symmem::init() first", what);
}

void Context::Impl::end() noexcept {
  if (lifetime->forked() || !lifetime->begin_end()) return;
  for (const Process& peer : groups.lost()) transports.on_peer_lost(peer);
  transports.drain(options.timeout);
  groups.leave();
  fds->remove_path();
  // At process exit another thread may be joining. Then the server ends with the process.
  if (const std::unique_lock lock(join_mutex_, std::try_to_lock); lock) {
    try {
      if (job.server) job.server->wait_until_left(options.timeout, process.id);
    } catch (...) {  // The server is destroyed below in any case.
    }
    job.server.reset();
  }
  transports.shutdown();
  loop->stop();
}

void Context::Impl::release() noexcept {
  groups.release();
  transports.release();
  for (const auto& allocator : built_in_) allocator->on_context_ended();
  fds.reset();
}

void Context::Impl::register_allocator(DeviceType type,
                                       std::shared_ptr<SymmetricMemoryAllocator> allocator) {
  require(allocator != nullptr, Errc::invalid_argument,
          "register_allocator: the allocator is null");
  const std::lock_guard lock(mutex_);
  allocators_[type] = std::move(allocator);
}

std::shared_ptr<SymmetricMemoryAllocator> Context::Impl::allocator(DeviceType type) const {
  lifetime->check();
  const std::lock_guard lock(mutex_);
  const auto found = allocators_.find(type);
  if (found != allocators_.end()) return found->second;
  std::string known;
  for (const auto& [other, unused] : allocators_)
    known += (known.empty() ? "" : ", ") + to_string(other);
  fail(Errc::unsupported,
       "no allocator is registered for memory of type {}; registered types: {}{}", to_string(type),
       known,
       type == DeviceType::cuda ? " (symmem info reports whether this build supports CUDA)" : "");
}

}  // namespace symmem
