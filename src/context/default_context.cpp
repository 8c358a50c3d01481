// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstdlib>
#include <mutex>

#include "symmem/context.hpp"

namespace symmem {
namespace {

/// The one global of the library. Never destroyed: objects with static storage may use it while the
/// process exits, and its destructor would race with them.
std::atomic<Context*> the_context{nullptr};
std::mutex making;
std::atomic<bool> finalizing{false};

/// Leaves the groups and stops the threads, and frees nothing. Runs at exit.
void finalize_default_context() {
  finalizing.store(true);
  if (Context* context = the_context.load()) context->finalize();
}

}  // namespace

Context& default_context() {
  if (Context* context = the_context.load()) return *context;
  const std::lock_guard lock(making);
  if (the_context.load() == nullptr) {
    the_context.store(new Context());
    // After the Context is made, so that it runs before what the Context's parts registered.
    std::atexit(finalize_default_context);
  }
  return *the_context.load();
}

void register_allocator(DeviceType type, std::shared_ptr<SymmetricMemoryAllocator> allocator) {
  default_context().register_allocator(type, std::move(allocator));
}
std::shared_ptr<SymmetricMemoryAllocator> get_allocator(DeviceType type) {
  return default_context().get_allocator(type);
}
void register_transport(DeviceType type, std::shared_ptr<Transport> transport) {
  default_context().register_transport(type, std::move(transport));
}
void set_group_info(const std::string& group_name, int rank, int world_size,
                    std::shared_ptr<Store> store) {
  default_context().set_group_info(group_name, rank, world_size, std::move(store));
}
const GroupInfo& get_group_info(const std::string& group_name) {
  return default_context().get_group_info(group_name);
}
void end_group(const std::string& group_name, Timeout timeout) {
  default_context().end_group(group_name, timeout);
}
Tensor empty_strided_p2p(const std::vector<std::int64_t>& sizes,
                         const std::vector<std::int64_t>& strides, DataType dtype, Device device,
                         const std::string& group_name, std::optional<std::uint64_t> alloc_id) {
  return default_context().empty_strided_p2p(sizes, strides, dtype, device, group_name, alloc_id);
}
std::shared_ptr<SymmetricMemory> rendezvous(const Tensor& tensor, const std::string& group_name,
                                            Timeout timeout) {
  return default_context().rendezvous(tensor, group_name, timeout);
}
std::shared_ptr<SymmetricMemory> get_symmetric_memory(const Tensor& tensor,
                                                      const std::string& group_name) {
  return default_context().get_symmetric_memory(tensor, group_name);
}
std::shared_ptr<SymmetricMemory> register_buffer(void* ptr, std::size_t bytes, Device device,
                                                 const std::string& group_name, Timeout timeout) {
  return default_context().register_buffer(ptr, bytes, device, group_name, timeout);
}
bool is_finalizing() { return finalizing.load(); }

}  // namespace symmem
