// SPDX-License-Identifier: Apache-2.0
/// The interface of PyTorch's symmetric memory, on top of symmem::Context.
///
/// Use this interface for code that calls PyTorch's functions or that works with tensors. The free
/// functions use one Context per process. Only init() joins the job:
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

/// Returns the default Context of the process. Before init() the Context has no world group:
/// set_group_info with a store of the caller works, and every call that needs the world group
/// throws Error(invalid_argument), which names init(). The Context is never destroyed; at process
/// exit it leaves its groups and joins its threads.
Context& default_context();
/// Joins the job with the default Context and options from the environment. Collective over the
/// job. Returns at once if the Context has joined already.
Context& init();
/// Joins the job with `options`. Throws Error(invalid_argument) if the default Context was used
/// before.
Context& init(const Options& options);
/// Returns whether process exit has begun.
bool is_finalizing();

void register_allocator(DeviceType type, std::shared_ptr<SymmetricMemoryAllocator> allocator);
std::shared_ptr<SymmetricMemoryAllocator> get_allocator(DeviceType type);
void register_transport(DeviceType type, std::shared_ptr<Transport> transport);
void set_group_info(const std::string& group_name, int rank, int world_size,
                    std::shared_ptr<Store> store);
const GroupInfo& get_group_info(const std::string& group_name);
void end_group(const std::string& group_name, Timeout timeout = {});

/// Allocates a tensor in symmetric memory; the strides determine its size. Local. `alloc_id` has
/// the meaning of AllocateOptions::id.
Tensor empty_strided_p2p(Context& context, const std::vector<std::int64_t>& sizes,
                         const std::vector<std::int64_t>& strides, DataType dtype,
                         Device device = {}, const std::string& group_name = kWorld,
                         std::optional<std::uint64_t> alloc_id = {});
Tensor empty_strided_p2p(const std::vector<std::int64_t>& sizes,
                         const std::vector<std::int64_t>& strides, DataType dtype,
                         Device device = {}, const std::string& group_name = kWorld,
                         std::optional<std::uint64_t> alloc_id = {});

/// Performs Context::rendezvous on the allocation that contains `tensor`. Collective over the
/// group. Throws Error(invalid_argument) if `tensor` is not in symmetric memory: on this rank only
/// if `group_name` is empty, otherwise on all ranks.
std::shared_ptr<SymmetricMemory> rendezvous(Context& context, const Tensor& tensor,
                                            const std::string& group_name = {},
                                            Timeout timeout = {});
std::shared_ptr<SymmetricMemory> rendezvous(const Tensor& tensor,
                                            const std::string& group_name = {},
                                            Timeout timeout = {});
/// Returns the result of an earlier rendezvous. Local. Throws Error(invalid_argument) if there was
/// no rendezvous.
std::shared_ptr<SymmetricMemory> get_symmetric_memory(Context& context, const Tensor& tensor,
                                                      const std::string& group_name = {});
std::shared_ptr<SymmetricMemory> get_symmetric_memory(const Tensor& tensor,
                                                      const std::string& group_name = {});

/// Returns a contiguous tensor in `rank`'s buffer, `storage_offset` elements after its start. The
/// tensor keeps the mapping alive, but not the allocation. Throws Error(unsupported) if the buffer
/// is not mapped into this process.
Tensor get_buffer(const SymmetricMemory& memory, int rank, const std::vector<std::int64_t>& sizes,
                  DataType dtype, std::int64_t storage_offset = 0);
/// get_buffer_ptrs, get_signal_pad_ptrs: return the addresses of all ranks' buffers and signal pads
/// in this process, by rank; null for memory that is not mapped. Valid until close(). docs/wire.md
/// defines the layout of the pads.
std::vector<void*> get_buffer_ptrs(const SymmetricMemory& memory);
std::vector<void*> get_signal_pad_ptrs(const SymmetricMemory& memory);
/// get_buffer_ptrs_dev, get_signal_pad_ptrs_dev: return the same tables in GPU memory, for kernels.
/// Throw Error(unsupported) for host memory.
void* const* get_buffer_ptrs_dev(const SymmetricMemory& memory);
void* const* get_signal_pad_ptrs_dev(const SymmetricMemory& memory);

}  // namespace symmem
