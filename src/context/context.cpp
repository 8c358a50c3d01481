// SPDX-License-Identifier: Apache-2.0
#include "symmem/context.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <exception>
#include <limits>

#include "base/check.hpp"
#include "context/context_impl.hpp"
#include "context/owned_memory.hpp"
#include "options/options.hpp"

namespace symmem {

namespace {

std::unique_ptr<Context::Impl> make_joined(const Options& options, std::shared_ptr<Store> store) {
  try {
    check_options(options);
    auto impl = std::make_unique<Context::Impl>(options);
    impl->join(std::move(store));
    return impl;
  } catch (const Error&) {
    throw;
  } catch (const std::exception& e) {  // Out of memory or threads.
    fail(Errc::exhausted, "Context: {}", e.what());
  }
}

}  // namespace

Context::Context(const Options& options) : impl_(make_joined(options, nullptr)) {}

Context::Context(const Options& options, std::shared_ptr<Store> store) {
  require(store != nullptr, Errc::invalid_argument, "Context: the store is null");
  impl_ = make_joined(options, std::move(store));
}

Context::Context(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Context::~Context() {
  // In a forked child the threads, sockets and groups belong to the parent.
  if (impl_ && impl_->lifetime->forked()) static_cast<void>(impl_.release());
}

int Context::rank() const {
  impl_->require_joined("rank");
  return impl_->launch.rank;
}
int Context::world_size() const {
  impl_->require_joined("world_size");
  return impl_->launch.world_size;
}
int Context::local_rank() const {
  if (world_size() == 1) return 0;
  require(impl_->launch.local_rank.has_value(), Errc::unsupported,
          "local_rank: the launcher does not provide this rank's index on its host; set "
          "SYMMEM_LOCAL_RANK");
  return *impl_->launch.local_rank;
}
const Options& Context::options() const { return impl_->options; }
const std::shared_ptr<KeyValueStore>& Context::store() const {
  impl_->require_joined("store");
  require(impl_->job.store != nullptr, Errc::unsupported,
          "store: this Context joined through a store of the application");
  return impl_->job.store;
}
bool Context::is_finalizing() const { return impl_->lifetime->finalizing(); }

void Context::register_allocator(DeviceType type,
                                 std::shared_ptr<SymmetricMemoryAllocator> allocator) {
  impl_->lifetime->check();
  impl_->register_allocator(type, std::move(allocator));
}

std::shared_ptr<SymmetricMemoryAllocator> Context::get_allocator(DeviceType type) const {
  return impl_->allocator(type);
}

void Context::register_transport(DeviceType type, std::shared_ptr<Transport> transport) {
  impl_->lifetime->check();
  impl_->transports.add(type, std::move(transport));
}

void Context::set_group_info(const std::string& group_name, int rank, int world_size,
                             std::shared_ptr<Store> store) {
  impl_->lifetime->check();
  require(group_name != kWorld || impl_->joined(), Errc::invalid_argument,
          "set_group_info: \"{}\" is the group of all ranks, which init() joins; use another name",
          kWorld);
  impl_->groups.add(group_name, {rank, world_size, std::move(store)});
}

const GroupInfo& Context::get_group_info(const std::string& group_name) const {
  return impl_->groups.info(group_name);
}

void Context::end_group(const std::string& group_name, Timeout timeout) {
  const std::exception_ptr failure = impl_->groups.end(group_name, timeout);
  impl_->persistent.forget_group(group_name);
  if (failure) std::rethrow_exception(failure);
}

std::shared_ptr<void> Context::allocate_elements(std::size_t count, std::size_t size,
                                                 std::size_t alignment,
                                                 const AllocateOptions& options) {
  require(count <= std::numeric_limits<std::size_t>::max() / size, Errc::exhausted,
          "allocate: {} elements of {} bytes exceed the address space", count, size);
  require(std::has_single_bit(options.alignment), Errc::invalid_argument,
          "allocate: alignment {} is not allowed: give a power of two", options.alignment);
  const AllocationRequest request{.bytes = count * size,
                                  .device_index = options.device.index,
                                  .group_name = options.group,
                                  .alignment = std::max(options.alignment, alignment),
                                  .populate = options.populate,
                                  .name = options.name,
                                  .id = options.id};
  const DeviceType type = options.device.type;
  const auto allocator = impl_->allocator(type);
  return options.id ? impl_->persistent.take(type, request, allocator)
                    : allocate_owned(type, request, allocator);
}

std::shared_ptr<SymmetricMemory> Context::rendezvous_at(void* pointer, Device device,
                                                        const std::string& group_name,
                                                        Timeout timeout) {
  // A Buffer that was moved from has no group: the collective of all ranks reports it.
  return impl_->allocator(device.type)
      ->rendezvous(pointer, group_name.empty() ? kWorld : group_name, timeout);
}

std::shared_ptr<SymmetricMemory> Context::rendezvous(std::span<std::byte> memory, Device device,
                                                     const std::string& group_name,
                                                     Timeout timeout) {
  const auto record = impl_->groups.record(group_name.empty() ? kWorld : group_name);
  return impl_->foreign.rendezvous(record, memory, device, record->group->deadline(timeout));
}

}  // namespace symmem
