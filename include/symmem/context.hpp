// SPDX-License-Identifier: Apache-2.0
/// Context: a process's membership in a job. A Context allocates memory and shares it with the
/// other ranks. Create one at the start of each rank:
///
///   symmem::Context context;                       // joins the job (collective)
///   auto buffer = context.allocate<float>(1 << 20);
///   auto memory = context.rendezvous(buffer);      // collective
///   memory->close();                               // collective
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "symmem/api.hpp"
#include "symmem/buffer.hpp"
#include "symmem/options.hpp"
#include "symmem/symmetric_memory.hpp"
#include "symmem/types.hpp"

namespace SYMMEM_API symmem {

class KeyValueStore;             // symmem/key_value_store.hpp
class Store;                     // symmem/extend/store.hpp
class SymmetricMemoryAllocator;  // symmem/extend/allocator.hpp
class Transport;                 // symmem/extend/transport.hpp

/// This process's rank in a group, the number of ranks in the group, and the group's store.
struct GroupInfo {
  int rank = 0;
  int world_size = 1;
  std::shared_ptr<Store> store;
};

/// One rank of a job. A process may create several Contexts (for independent libraries, or for
/// ranks that are threads). Any thread may call any function; no call may run during destruction.
/// docs/index.md lists the threads of a Context. In a forked child, calls that access memory,
/// groups or peers throw Error(finished).
///
/// Only the constructor, rendezvous, end_group, SymmetricMemory::barrier and SymmetricMemory::close
/// are collective. Each of them, except barrier, succeeds on all ranks or throws on all ranks an
/// error that names the failed ranks.
class SYMMEM_API Context {
 public:
  /// Joins the job. Reads rank, world size and store address from the options, else from the
  /// launcher's variables; without either the job has one rank. Returns when all ranks have joined;
  /// a timeout error names the missing ranks. Rank 0 hosts the store unless a store listens at its
  /// address already. Opens /dev/null as descriptors 0 to 2 if they are closed.
  explicit Context(const Options& options = Options::from_env());
  /// Joins through the caller's store. Determines rank and world size like the first constructor.
  Context(const Options& options, std::shared_ptr<Store> store);
  /// Leaves every group and joins the threads. Memory that was not closed stays mapped on the
  /// peers. On the rank that hosts the store, waits up to SYMMEM_TIMEOUT until all ranks have left.
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  int rank() const;
  int world_size() const;
  /// Returns the rank's index on this host. Throws Error(unsupported) if the index is unknown.
  int local_rank() const;
  const Options& options() const;
  /// Returns the job's key-value store. Do not use it after the Context is destroyed. Throws
  /// Error(unsupported) if the Context joined through a store that the caller provided.
  const std::shared_ptr<KeyValueStore>& store() const;

  /// Allocates `count` elements of T (default: bytes). Local: no other rank takes part. The memory
  /// is zeroed unless its range was used before. Throws Error(unsupported) if the device type has
  /// no allocator, and Error(exhausted) if memory is exhausted.
  template <typename T = std::byte>
  Buffer<T> allocate(std::size_t count, const AllocateOptions& options = {}) {
    return {allocate_elements(count, sizeof(T), alignof(T), options), count, options};
  }
  template <typename T = std::byte>
  Buffer<T> allocate(std::size_t count, std::same_as<Device> auto device) {
    return allocate<T>(count, AllocateOptions{.device = device});
  }

  /// Makes every rank's buffer accessible to all ranks. Collective over the group (default: the
  /// group passed to allocate). Sizes and device types must be equal on all ranks. All ranks make
  /// the collective calls of a group in the same order, from one thread at a time. A later call for
  /// the same buffer and group is local and returns the same object.
  template <typename T>
  std::shared_ptr<SymmetricMemory> rendezvous(const Buffer<T>& buffer,
                                              const std::string& group_name = {},
                                              Timeout timeout = {}) {
    return rendezvous_at(buffer.data(), buffer.device(),
                         group_name.empty() ? buffer.group_ : group_name, timeout);
  }
  /// Performs a rendezvous of memory that symmem did not allocate. The memory must be aligned to 8
  /// bytes (GPU: 16) and exist until close(). docs/transports.md lists the supporting transports.
  std::shared_ptr<SymmetricMemory> rendezvous(std::span<std::byte> memory, Device device = {},
                                              const std::string& group_name = kWorld,
                                              Timeout timeout = {});

  /// Defines a group in which this process is `rank`. Local: the members join at the first
  /// rendezvous. Throws Error(invalid_argument) if the name is in use or the rank is out of range.
  void set_group_info(const std::string& group_name, int rank, int world_size,
                      std::shared_ptr<Store> store);
  /// Returns the group. Throws Error(invalid_argument) for an unknown name. The reference is valid
  /// until the Context ends.
  const GroupInfo& get_group_info(const std::string& group_name) const;
  /// Ends a group and closes its memory as SymmetricMemory::close does. Collective over the group.
  /// The name may then be used for a new group, with any ranks.
  void end_group(const std::string& group_name, Timeout timeout = {});

  /// Sets the allocator of a device type; a later call for the same type replaces it.
  void register_allocator(DeviceType type, std::shared_ptr<SymmetricMemoryAllocator> allocator);
  /// Returns the allocator of `type`. Throws Error(unsupported) if the type has no allocator.
  std::shared_ptr<SymmetricMemoryAllocator> get_allocator(DeviceType type) const;
  /// Adds a transport for memory of `type`, ranked after the registered transports. All ranks must
  /// make the same call before the first rendezvous that uses the transport. Throws
  /// Error(invalid_argument) if the name is in use.
  void register_transport(DeviceType type, std::shared_ptr<Transport> transport);

  bool is_finalizing() const;  ///< True once destruction has begun.

  class [[gnu::visibility("hidden")]] Impl;  ///< Internal.

 private:
  friend class DefaultContext;
  explicit Context(std::unique_ptr<Impl> impl);
  std::shared_ptr<void> allocate_elements(std::size_t count, std::size_t size,
                                          std::size_t alignment, const AllocateOptions& options);
  std::shared_ptr<SymmetricMemory> rendezvous_at(void* pointer, Device device,
                                                 const std::string& group_name, Timeout timeout);

  std::unique_ptr<Impl> impl_;
};

}  // namespace symmem
