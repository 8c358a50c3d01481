// SPDX-License-Identifier: Apache-2.0
#include "symmem/torch_compat.hpp"

#include <limits>

#include "access/memory_impl.hpp"
#include "base/check.hpp"
#include "symmem/extend/allocator.hpp"

namespace symmem {

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

Tensor empty_strided_p2p(Context& context, const std::vector<std::int64_t>& sizes,
                         const std::vector<std::int64_t>& strides, DataType dtype, Device device,
                         const std::string& group_name, std::optional<std::uint64_t> alloc_id) {
  auto buffer = std::make_shared<Buffer<>>(
      context.allocate(strided_extent(sizes, strides, dtype),
                       AllocateOptions{.device = device, .group = group_name, .id = alloc_id}));
  void* const data = buffer->data();
  return {data, sizes, strides, dtype, device, std::move(buffer)};
}
Tensor empty_strided_p2p(const std::vector<std::int64_t>& sizes,
                         const std::vector<std::int64_t>& strides, DataType dtype, Device device,
                         const std::string& group_name, std::optional<std::uint64_t> alloc_id) {
  return empty_strided_p2p(default_context(), sizes, strides, dtype, device, group_name, alloc_id);
}

std::shared_ptr<SymmetricMemory> rendezvous(Context& context, const Tensor& tensor,
                                            const std::string& group_name, Timeout timeout) {
  return context.get_allocator(tensor.device().type)
      ->rendezvous(tensor.data(), group_name, timeout);
}
std::shared_ptr<SymmetricMemory> rendezvous(const Tensor& tensor, const std::string& group_name,
                                            Timeout timeout) {
  return rendezvous(default_context(), tensor, group_name, timeout);
}

std::shared_ptr<SymmetricMemory> get_symmetric_memory(Context& context, const Tensor& tensor,
                                                      const std::string& group_name) {
  auto memory =
      context.get_allocator(tensor.device().type)->get_symmetric_memory(tensor.data(), group_name);
  require(memory != nullptr, Errc::invalid_argument,
          "get_symmetric_memory: pointer {} has no rendezvous in {}; call rendezvous on all "
          "ranks of the group first",
          tensor.data(),
          group_name.empty() ? "the tensor's group" : fmt::format("group \"{}\"", group_name));
  return memory;
}
std::shared_ptr<SymmetricMemory> get_symmetric_memory(const Tensor& tensor,
                                                      const std::string& group_name) {
  return get_symmetric_memory(default_context(), tensor, group_name);
}

Tensor get_buffer(const SymmetricMemory& memory, int rank, const std::vector<std::int64_t>& sizes,
                  DataType dtype, std::int64_t storage_offset) {
  const auto& impl = SymmetricMemory::Impl::of(memory);
  const std::vector<std::int64_t> strides = contiguous_strides(sizes);
  const std::size_t bytes = strided_extent(sizes, strides, dtype);
  require(storage_offset >= 0 && dtype.bytes() > 0 &&
              static_cast<std::size_t>(storage_offset) <=
                  std::numeric_limits<std::size_t>::max() / dtype.bytes(),
          Errc::invalid_argument,
          "get_buffer: storage_offset {} elements of {} bytes is out of range", storage_offset,
          dtype.bytes());
  std::byte* const at = impl.reach(rank, static_cast<std::size_t>(storage_offset) * dtype.bytes(),
                                   bytes, "get_buffer");
  if (at == nullptr)
    fail(Errc::unsupported, "get_buffer: the buffer of {} is not mapped ({}); use get",
         impl.group->describe(rank), memory.route(rank).transport);
  // The view holds the block or the attachment, which keeps the memory mapped.
  std::shared_ptr<void> storage = impl.buffer_block;
  if (rank != memory.rank())
    storage = impl.connections->peers[static_cast<std::size_t>(rank)].buffer;
  return {at, sizes, strides, dtype, memory.device(), std::move(storage)};
}

std::vector<void*> get_buffer_ptrs(const SymmetricMemory& memory) {
  return SymmetricMemory::Impl::of(memory).tables.buffers;
}
std::vector<void*> get_signal_pad_ptrs(const SymmetricMemory& memory) {
  return SymmetricMemory::Impl::of(memory).tables.pads;
}
void* const* get_buffer_ptrs_dev(const SymmetricMemory& memory) {
  return SymmetricMemory::Impl::of(memory).on_gpu("get_buffer_ptrs_dev").view().state.buffers;
}
void* const* get_signal_pad_ptrs_dev(const SymmetricMemory& memory) {
  return reinterpret_cast<void* const*>(
      SymmetricMemory::Impl::of(memory).on_gpu("get_signal_pad_ptrs_dev").view().state.pads);
}

}  // namespace symmem
