// SPDX-License-Identifier: Apache-2.0
/// Context: one process's membership in a job. It allocates memory and shares it. Make one at the
/// start of each rank:
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

/// A named set of ranks, 0 .. world_size-1, and the store through which they meet.
struct GroupInfo {
  int rank = 0;
  int world_size = 1;
  std::shared_ptr<Store> store;
};

/// One rank of a job. A process may have several (libraries side by side, ranks as threads). Calls
/// may come from any thread, but destruction beside no other call. Has one background thread, and
/// one more while UCX is in use. In a forked child every call is Error(finished).
///
/// Collective are only the constructor, rendezvous and end_group (and SymmetricMemory::barrier and
/// close). Each ends the same on every rank: if one fails, all throw one error that names it.
class SYMMEM_API Context {
 public:
  /// Joins the job: reads rank, world size and store from the options, else from the launcher's
  /// variables, else is one rank alone. Returns when all ranks have joined; an Error names those
  /// that have not. Rank 0 hosts the store unless one listens there already. Opens /dev/null at
  /// closed descriptors 0 to 2.
  explicit Context(const Options& options = Options::from_env());
  /// Joins through a store of the caller's own; rank and world size as above.
  Context(const Options& options, std::shared_ptr<Store> store);
  /// Leaves every group and joins the threads. Memory that was not closed stays mapped on the
  /// peers. The rank that hosts the store serves until all have left, SYMMEM_TIMEOUT at most.
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  int rank() const;
  int world_size() const;
  /// The rank among those on this host, as the launcher says. Error(unsupported) if it does not.
  int local_rank() const;
  const Options& options() const;
  /// The job's key-value store; not to be used after the Context. Error(unsupported) for a Context
  /// that joined through a store of the caller's own.
  const std::shared_ptr<KeyValueStore>& store() const;

  /// Allocates `count` elements of T (bytes without T). Local: no other rank takes part. Zeroed
  /// unless the range was used before. Throws Error(unsupported) if no allocator serves the device,
  /// Error(exhausted).
  template <typename T = std::byte>
  Buffer<T> allocate(std::size_t count, const AllocateOptions& options = {}) {
    return {allocate_elements(count, sizeof(T), alignof(T), options), count, options.device};
  }
  template <typename T = std::byte>
  Buffer<T> allocate(std::size_t count, std::same_as<Device> auto device) {
    return allocate<T>(count, AllocateOptions{.device = device});
  }

  /// Collective over the group (empty: the group of allocate): makes every rank's buffer reachable
  /// for all. Sizes and device types must be equal. Calls of one group match in call order, made by
  /// one thread at a time. A later call for the same buffer and group returns the same object,
  /// locally. If a rank fails, all throw and nothing stays attached.
  template <typename T>
  std::shared_ptr<SymmetricMemory> rendezvous(const Buffer<T>& buffer,
                                              const std::string& group_name = {},
                                              Timeout timeout = {}) {
    return rendezvous_at(buffer.data(), buffer.device(), group_name, timeout);
  }
  /// The same for memory that symmem did not allocate; it must stay until close(). `memory` begins
  /// at a multiple of 8 bytes, on a GPU of 16. docs/transports.md says which transports reach it.
  std::shared_ptr<SymmetricMemory> rendezvous(std::span<std::byte> memory, Device device = {},
                                              const std::string& group_name = kWorld,
                                              Timeout timeout = {});

  /// Names a group in which this process is `rank`. Local: the members meet at the first
  /// rendezvous. Error(invalid_argument) for a name in use or a rank out of range.
  void set_group_info(const std::string& group_name, int rank, int world_size,
                      std::shared_ptr<Store> store);
  /// Error(invalid_argument) for an unknown name. The reference is valid until the Context ends.
  const GroupInfo& get_group_info(const std::string& group_name) const;
  /// Collective over the group: closes its memory as SymmetricMemory::close does and forgets the
  /// group. The name may then be set again, with any ranks.
  void end_group(const std::string& group_name, Timeout timeout = {});

  /// Sets the allocator of a device type; the last call for a type takes effect.
  void register_allocator(DeviceType type, std::shared_ptr<SymmetricMemoryAllocator> allocator);
  /// Error(unsupported) for a type without allocator; the message lists the types that have one.
  std::shared_ptr<SymmetricMemoryAllocator> get_allocator(DeviceType type) const;
  /// Adds a transport for memory of `type`, after those registered before. Equal calls on all
  /// ranks, before the first rendezvous that uses it. Error(invalid_argument) for a name in use.
  void register_transport(DeviceType type, std::shared_ptr<Transport> transport);

  bool is_finalizing() const;  ///< True once destruction has begun.

  class [[gnu::visibility("hidden")]] Impl;  ///< The library's own.

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
