// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "symmem/api.hpp"
#include "symmem/extend/allocator.hpp"
#include "symmem/extend/store.hpp"
#include "symmem/extend/transport.hpp"
#include "symmem/options.hpp"
#include "symmem/symmetric_memory.hpp"
#include "symmem/tensor.hpp"

namespace SYMMEM_API symmem {

class KeyValueStore;  // symmem/key_value_store.hpp

/// The group of all ranks, which every Context has.
inline constexpr const char* kWorld = "world";

/// A named set of ranks, 0 .. world_size-1, and the store through which they meet.
struct GroupInfo {
  int rank = 0;
  int world_size = 1;
  std::shared_ptr<Store> store;
};

/// One rank of a job: its store, groups, allocators, transports and one background thread. Many may
/// live in one process (libraries side by side, ranks as threads). Calls may come from any thread,
/// but destruction beside no other call. After fork, in the child, every call is Error(finished).
///
/// Only joining (the constructor), rendezvous, register_buffer, SymmetricMemory::barrier and close,
/// and end_group are collective; each ends the same on every rank.
class Context {
 public:
  /// Joins: finds rank, world size and store (options, else the launcher's variables, else one rank
  /// alone), connects, and returns when all ranks of the job have. Rank 0 hosts the store unless
  /// one listens at that address already. Errors name the missing, doubled or differing ranks.
  /// Closed descriptors 0 to 2 get /dev/null first, for good, lest a socket of ours lies there.
  explicit Context(const Options& options = Options::from_env());
  /// Joins through a store of the caller's own; rank and world size from the options or launcher.
  Context(const Options& options, std::shared_ptr<Store> store);
  /// Leaves every group, tells the peers, and joins its threads. Memory without close stays as it
  /// is on the peers. The rank that hosts the store serves until all have left or the timeout
  /// passes.
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  int rank() const;
  int world_size() const;
  /// The rank among those on this host, as the launcher says; Error(unsupported) if it does not.
  int local_rank() const;
  const Options& options() const;
  /// The job's key-value store; not to be used after the Context. Error(unsupported) for a Context
  /// that joined through a store of the caller's own.
  const std::shared_ptr<KeyValueStore>& store() const;

  /// Replaces or adds the allocator of a device type in this Context's map.
  void register_allocator(DeviceType type, std::shared_ptr<SymmetricMemoryAllocator> allocator);
  /// Error(unsupported) for a type without allocator, naming it and those there are.
  std::shared_ptr<SymmetricMemoryAllocator> get_allocator(DeviceType type) const;
  /// Adds a transport for memory of `type`, after those there. On all ranks alike, before the first
  /// rendezvous that is to use it. Error(invalid_argument) for a name that is there already.
  void register_transport(DeviceType type, std::shared_ptr<Transport> transport);

  /// Names a group in which this process is `rank`. Local: the members meet at the first
  /// rendezvous. Error(invalid_argument) for a name in use or a rank out of range.
  void set_group_info(const std::string& group_name, int rank, int world_size,
                      std::shared_ptr<Store> store);
  /// Error(invalid_argument) for an unknown name. Valid until the Context ends.
  const GroupInfo& get_group_info(const std::string& group_name) const;
  /// Collective over the group: closes all memory that is left in it, as SymmetricMemory::close
  /// does: no other call on that memory may run beside it. The name may then be set again, with any
  /// ranks, and alloc_ids of the group start afresh.
  void end_group(const std::string& group_name, Timeout timeout = {});

  /// Allocates a tensor of symmetric memory, locally. Sized by the strides, contents as alloc says.
  ///
  /// With `alloc_id` the allocation persists: the first call with an id allocates and remembers;
  /// while a tensor on it lives another call is Error(invalid_argument); afterwards the same
  /// memory, rendezvous included, is handed out again if bytes, device and group agree. Ids are
  /// this Context's.
  Tensor empty_strided_p2p(const std::vector<std::int64_t>& sizes,
                           const std::vector<std::int64_t>& strides, DataType dtype,
                           Device device = {}, const std::string& group_name = kWorld,
                           std::optional<std::uint64_t> alloc_id = {});

  /// Collective over the group: makes the allocation that `tensor` lies in reachable for all. All
  /// ranks' allocations must have the same size and device type. Calls of one group match in call
  /// order, so two threads at once in collective calls of one group are Error(invalid_argument).
  /// Cached for each (allocation, group): then local. The empty name is the group the tensor
  /// was allocated for; a tensor that is not symmetric memory is then an error of this rank alone.
  /// If any rank fails, every rank gets one error that names it, and nothing stays.
  std::shared_ptr<SymmetricMemory> rendezvous(const Tensor& tensor,
                                              const std::string& group_name = {},
                                              Timeout timeout = {});
  /// The result of an earlier rendezvous, locally; Error(invalid_argument) without one.
  std::shared_ptr<SymmetricMemory> get_symmetric_memory(const Tensor& tensor,
                                                        const std::string& group_name = {}) const;
  /// Collective over the group: rendezvous of memory that symmem did not allocate, [ptr,
  /// ptr+bytes), at a multiple of 8, on GPUs of 16. It must stay until close. Which transports
  /// reach it: docs/transports.md.
  std::shared_ptr<SymmetricMemory> register_buffer(void* ptr, std::size_t bytes, Device device,
                                                   const std::string& group_name = kWorld,
                                                   Timeout timeout = {});

  /// True from the moment that destruction begins.
  bool is_finalizing() const;

  /// What the destructor does before it frees anything: for the default Context, at exit. Once.
  void finalize() noexcept;

 private:
  class [[gnu::visibility("hidden")]] Impl;
  std::unique_ptr<Impl> impl_;
};

/// The Context of the process, made (and joined, collectively) at the first use of any function
/// below, from the environment. Never destroyed: at exit it leaves its groups and joins its
/// threads.
Context& default_context();

/// The same as the functions of the default Context.
void register_allocator(DeviceType type, std::shared_ptr<SymmetricMemoryAllocator> allocator);
std::shared_ptr<SymmetricMemoryAllocator> get_allocator(DeviceType type);
void register_transport(DeviceType type, std::shared_ptr<Transport> transport);
void set_group_info(const std::string& group_name, int rank, int world_size,
                    std::shared_ptr<Store> store);
const GroupInfo& get_group_info(const std::string& group_name);
void end_group(const std::string& group_name, Timeout timeout = {});
Tensor empty_strided_p2p(const std::vector<std::int64_t>& sizes,
                         const std::vector<std::int64_t>& strides, DataType dtype,
                         Device device = {}, const std::string& group_name = kWorld,
                         std::optional<std::uint64_t> alloc_id = {});
std::shared_ptr<SymmetricMemory> rendezvous(const Tensor& tensor,
                                            const std::string& group_name = {},
                                            Timeout timeout = {});
std::shared_ptr<SymmetricMemory> get_symmetric_memory(const Tensor& tensor,
                                                      const std::string& group_name = {});
std::shared_ptr<SymmetricMemory> register_buffer(void* ptr, std::size_t bytes, Device device,
                                                 const std::string& group_name = kWorld,
                                                 Timeout timeout = {});
bool is_finalizing();

}  // namespace symmem
