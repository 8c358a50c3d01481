// SPDX-License-Identifier: Apache-2.0
#include "symmem/context.hpp"

#include <fmt/format.h>

#include "base/check.hpp"
#include "base/environment.hpp"
#include "options/options.hpp"
#include "context/block_allocator.hpp"
#include "context/builtin.hpp"
#include "context/foreign_block.hpp"
#include "context/join.hpp"
#include "launch/find_launch.hpp"
#include "access/memory_impl.hpp"
#include "rendezvous/rendezvous.hpp"
#include "context/runtime.hpp"

namespace symmem {

class Context::Impl {
 public:
  explicit Impl(const Options& options)
      : runtime(std::make_shared<Runtime>(options)), environment{runtime->options, runtime->host_id,
                                                                 runtime->process, *runtime->fds,
                                                                 runtime->log,     runtime->gpus} {
    for (const auto& maker : runtime->makers)
      allocators[maker->device_type()] = std::make_shared<BlockAllocator>(runtime, maker);
    for (auto& builtin : make_builtin_transports(environment))
      runtime->add_transport(builtin.device, std::move(builtin.transport));
  }

  /// Collective over all ranks. If it throws, the destructor still serves the others their error.
  void join(std::shared_ptr<Store> store) {
    const Environment variables = process_environment();
    launch = find_launch(runtime->options, variables);
    runtime->log.name_rank(launch.rank);
    for (const std::string& warning : launch.warnings) runtime->log.warn("{}", warning);
    for (const ShownOption& option : show_options(runtime->options, variables))
      runtime->log.info("{}={} ({})", option.name, option.value, option.origin);
    runtime->log.info("joining: {}, store: {}", launch.text(),
                      store          ? "the program's own"
                      : launch.store ? launch.store->text()
                                     : "within the process");
    job = store ? JobStore{{}, std::move(store)} : open_store(*runtime, launch);
    runtime->add_group(kWorld, {launch.rank, launch.world_size, job.store});
    const auto group = runtime->record(kWorld)->group;
    group->join(group->deadline({}));
    runtime->log.info("joined: {}", launch.text());
  }

  ~Impl() {
    if (runtime->fork.forked()) {
      leak();
    } else {
      end();
      runtime->release();
    }
  }

  /// Leaves, then stops the threads: if the server is here it serves until all have left, and so do
  /// the transports, which others wait for before they leave. Nothing is unmapped or freed: at exit
  /// other threads may still be in a put. Once.
  void end() noexcept {
    if (runtime->fork.forked() || runtime->finalizing.exchange(true)) return;
    runtime->finish_transports();
    runtime->leave();
    runtime->fds->remove_path();
    try {
      if (job.server) job.server->wait_until_left(runtime->options.timeout, runtime->process.id);
    } catch (...) {  // Then it ends now.
    }
    job.server.reset();
    runtime->stop_transports();
    runtime->loop->stop();
  }

  std::shared_ptr<SymmetricMemoryAllocator> allocator(DeviceType type) const {
    runtime->check();
    const std::lock_guard lock(mutex);
    const auto found = allocators.find(type);
    if (found != allocators.end()) return found->second;
    std::string known;
    for (const auto& [other, unused] : allocators)
      known += (known.empty() ? "" : ", ") + to_string(other);
    fail(Errc::unsupported, "no allocator is registered for memory of type {}; there are: {}{}",
         to_string(type), known,
         type == DeviceType::cuda ? " (symmem info says whether CUDA is built in)" : "");
  }

  std::shared_ptr<Runtime> runtime;
  TransportEnvironment environment;
  Launch launch;
  JobStore job;
  mutable std::mutex mutex;  ///< Guards allocators.
  std::map<DeviceType, std::shared_ptr<SymmetricMemoryAllocator>> allocators;

 private:
  /// In a forked child the threads, sockets and groups are the parent's.
  void leak() {
    static_cast<void>(new std::shared_ptr<Runtime>(std::move(runtime)));
    static_cast<void>(new JobStore(std::move(job)));
    static_cast<void>(new auto(std::move(allocators)));
  }
};

Context::Context(const Options& options) : Context(options, nullptr) {}

Context::Context(const Options& options, std::shared_ptr<Store> store) try {
  check_options(options);
  impl_ = std::make_unique<Impl>(options);
  impl_->join(std::move(store));
} catch (Error& e) {
  e.add_context("join");
  throw;
} catch (const std::exception& e) {  // Of a Store of the caller's own, or out of memory.
  fail(Errc::internal, "join: {}", e.what());
}

Context::~Context() = default;
void Context::finalize() noexcept { impl_->end(); }

int Context::rank() const { return impl_->launch.rank; }
int Context::world_size() const { return impl_->launch.world_size; }
int Context::local_rank() const {
  if (world_size() == 1) return 0;
  require(impl_->launch.local_rank.has_value(), Errc::unsupported,
          "local_rank: the launcher does not say which rank of its host this is; set "
          "SYMMEM_LOCAL_RANK");
  return *impl_->launch.local_rank;
}
const Options& Context::options() const { return impl_->runtime->options; }
const std::shared_ptr<Store>& Context::store() const { return impl_->job.store; }
bool Context::is_finalizing() const { return impl_->runtime->finalizing.load(); }

void Context::register_allocator(DeviceType type,
                                 std::shared_ptr<SymmetricMemoryAllocator> allocator) {
  require(allocator != nullptr, Errc::invalid_argument, "register_allocator: no allocator given");
  impl_->runtime->check();
  const std::lock_guard lock(impl_->mutex);
  impl_->allocators[type] = std::move(allocator);
}

std::shared_ptr<SymmetricMemoryAllocator> Context::get_allocator(DeviceType type) const {
  return impl_->allocator(type);
}

void Context::register_transport(DeviceType type, std::shared_ptr<Transport> transport) {
  impl_->runtime->check();
  impl_->runtime->add_transport(type, std::move(transport));
}

void Context::set_group_info(const std::string& group_name, int rank, int world_size,
                             std::shared_ptr<Store> store) {
  impl_->runtime->check();
  impl_->runtime->add_group(group_name, {rank, world_size, std::move(store)});
}

const GroupInfo& Context::get_group_info(const std::string& group_name) const {
  return impl_->runtime->group_info(group_name);
}

void Context::end_group(const std::string& group_name, Timeout timeout) {
  impl_->runtime->end_group(group_name, timeout);
}

Tensor Context::empty_strided_p2p(const std::vector<std::int64_t>& sizes,
                                  const std::vector<std::int64_t>& strides, DataType dtype,
                                  Device device, const std::string& group_name,
                                  std::optional<std::uint64_t> alloc_id) {
  const std::size_t bytes = strided_extent(sizes, strides, dtype);
  const auto allocator = impl_->allocator(device.type);
  Persistent::Storage storage;
  if (alloc_id) {
    storage = impl_->runtime->persistent.take({*alloc_id, bytes, device, group_name}, allocator);
  } else {
    storage.pointer = allocator->alloc(bytes, device.index, group_name);
    require(storage.pointer != nullptr, Errc::exhausted,
            "the allocator registered for {} gave null for {} bytes", to_string(device.type),
            bytes);
    storage.share = std::make_shared<OwnedMemory>(allocator, storage.pointer);
  }
  return {storage.pointer, sizes, strides, dtype, device, std::move(storage.share)};
}

std::shared_ptr<SymmetricMemory> Context::rendezvous(const Tensor& tensor,
                                                     const std::string& group_name,
                                                     Timeout timeout) {
  return impl_->allocator(tensor.device().type)->rendezvous(tensor.data(), group_name, timeout);
}

std::shared_ptr<SymmetricMemory> Context::get_symmetric_memory(
    const Tensor& tensor, const std::string& group_name) const {
  auto memory =
      impl_->allocator(tensor.device().type)->get_symmetric_memory(tensor.data(), group_name);
  require(
      memory != nullptr, Errc::invalid_argument,
      "get_symmetric_memory: pointer {} has no rendezvous in {}; call rendezvous on all its ranks "
      "first",
      tensor.data(),
      group_name.empty() ? "the group it was allocated for"
                         : fmt::format("group \"{}\"", group_name));
  return memory;
}

std::shared_ptr<SymmetricMemory> Context::register_buffer(void* ptr, std::size_t bytes,
                                                          Device device,
                                                          const std::string& group_name,
                                                          Timeout timeout) {
  const auto record = impl_->runtime->record(group_name);
  return register_foreign(*impl_->runtime, record, {ptr, bytes, device},
                          record->group->deadline(timeout));
}

}  // namespace symmem
