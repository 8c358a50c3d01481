// SPDX-License-Identifier: Apache-2.0
/// The interface of PyTorch's symmetric memory, on top of symmem::Context.
///
/// For code that is written against PyTorch's calls, or that works with tensors. The free functions
/// use one Context of the process; nothing joins the job by itself:
///
///   symmem::init();                                        // joins the job (collective)
///   auto tensor = symmem::empty_strided_p2p({1024}, {1}, symmem::kFloat32);
///   auto memory = symmem::rendezvous(tensor);              // collective
///   auto theirs = symmem::get_buffer(*memory, peer, {1024}, symmem::kFloat32);
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "symmem/api.hpp"
#include "symmem/context.hpp"
#include "symmem/tensor.hpp"

namespace SYMMEM_API symmem {

/// The Context of the process. Before init() it has no world: set_group_info with a store of the
/// caller's own works, and whatever needs the world is Error(invalid_argument) and names init().
/// Never destroyed: at process exit it leaves its groups and joins its threads.
Context& default_context();
/// Collective over the job: joins the default Context to its world, with options from the
/// environment. Returns at once if it has joined.
Context& init();
/// The same with the program's options. Error(invalid_argument) unless it is the first use of the
/// default Context.
Context& init(const Options& options);
/// True once process exit has begun.
bool is_finalizing();

void register_allocator(DeviceType type, std::shared_ptr<SymmetricMemoryAllocator> allocator);
std::shared_ptr<SymmetricMemoryAllocator> get_allocator(DeviceType type);
void register_transport(DeviceType type, std::shared_ptr<Transport> transport);
void set_group_info(const std::string& group_name, int rank, int world_size,
                    std::shared_ptr<Store> store);
const GroupInfo& get_group_info(const std::string& group_name);
void end_group(const std::string& group_name, Timeout timeout = {});

/// Allocates a tensor of symmetric memory, sized by its strides. Local. `alloc_id` is
/// AllocateOptions::id.
Tensor empty_strided_p2p(Context& context, const std::vector<std::int64_t>& sizes,
                         const std::vector<std::int64_t>& strides, DataType dtype,
                         Device device = {}, const std::string& group_name = kWorld,
                         std::optional<std::uint64_t> alloc_id = {});
Tensor empty_strided_p2p(const std::vector<std::int64_t>& sizes,
                         const std::vector<std::int64_t>& strides, DataType dtype,
                         Device device = {}, const std::string& group_name = kWorld,
                         std::optional<std::uint64_t> alloc_id = {});

/// Collective over the group: Context::rendezvous of the allocation that `tensor` lies in. A tensor
/// that is not symmetric memory is Error(invalid_argument): of this rank alone if `group_name` is
/// empty, else of all ranks.
std::shared_ptr<SymmetricMemory> rendezvous(Context& context, const Tensor& tensor,
                                            const std::string& group_name = {},
                                            Timeout timeout = {});
std::shared_ptr<SymmetricMemory> rendezvous(const Tensor& tensor,
                                            const std::string& group_name = {},
                                            Timeout timeout = {});
/// The result of an earlier rendezvous. Local. Error(invalid_argument) without one.
std::shared_ptr<SymmetricMemory> get_symmetric_memory(Context& context, const Tensor& tensor,
                                                      const std::string& group_name = {});
std::shared_ptr<SymmetricMemory> get_symmetric_memory(const Tensor& tensor,
                                                      const std::string& group_name = {});

/// A contiguous tensor on `rank`'s buffer, `storage_offset` elements from its start. Keeps the
/// mapping alive, not the allocation. Error(unsupported) where no pointer reaches.
Tensor get_buffer(const SymmetricMemory& memory, int rank, const std::vector<std::int64_t>& sizes,
                  DataType dtype, std::int64_t storage_offset = 0);
/// Every rank's buffer and signal pad in this process, by rank; null where no pointer reaches.
/// Valid until close(). The pads' layout: docs/wire.md.
std::vector<void*> get_buffer_ptrs(const SymmetricMemory& memory);
std::vector<void*> get_signal_pad_ptrs(const SymmetricMemory& memory);
/// The same tables in GPU memory, for kernels. Error(unsupported) for host memory.
void* const* get_buffer_ptrs_dev(const SymmetricMemory& memory);
void* const* get_signal_pad_ptrs_dev(const SymmetricMemory& memory);

}  // namespace symmem
