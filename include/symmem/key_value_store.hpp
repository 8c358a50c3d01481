// SPDX-License-Identifier: Apache-2.0
/// The key-value store: what the ranks of a job share besides memory, and the stores and the server
/// that symmem brings. A Context makes its own (Context::store()); use this to share small facts,
/// to host a store, or to let ranks that are threads meet:
///
///   context.store()->set("model", "v2");
///   auto store = symmem::make_hash_store();
///   auto rows = symmem::make_prefix_store("rows", store);
///   context.set_group_info("row", rank, world_size, rows);
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "symmem/api.hpp"
#include "symmem/extend/store.hpp"
#include "symmem/timeout.hpp"

namespace SYMMEM_API symmem {

/// A Store with a key-value service that the ranks of a job share.
///
/// Keys and values are byte strings. All calls may come from any thread and no call makes another
/// thread's call wait. A call that passes its deadline throws Error(timeout), one that cannot reach
/// the store Error(store_lost).
class KeyValueStore : public Store {
 public:
  /// Sets `key`, replacing what was there. Returns when the store has it.
  virtual void set(const std::string& key, const std::string& value, Timeout = {}) = 0;
  /// Waits until `key` exists and returns its value.
  virtual std::string get(const std::string& key, Timeout = {}) = 0;
  /// Adds to a decimal counter (absent: 0) and returns the sum. A value that is not a 64-bit
  /// decimal number, or a sum that overflows, is Error(invalid_argument) and changes nothing.
  virtual std::int64_t add(const std::string& key, std::int64_t amount, Timeout = {}) = 0;
  /// Sets `key` to `desired` if its value is `expected` (an absent key counts as empty). Returns
  /// the value that `key` then has; an absent key that stays absent returns "".
  virtual std::string compare_set(const std::string& key, const std::string& expected,
                                  const std::string& desired, Timeout = {}) = 0;
  /// Waits until all of `keys` exist; the timeout's error lists those that do not.
  virtual void wait(const std::vector<std::string>& keys, Timeout = {}) = 0;
  /// Tells whether all of `keys` exist now.
  virtual bool check(const std::vector<std::string>& keys, Timeout = {}) = 0;
  /// Appends to the value of `key` (absent: empty) in one step.
  virtual void append(const std::string& key, const std::string& value, Timeout = {}) = 0;
  /// Removes `key` and tells whether it was there.
  virtual bool delete_key(const std::string& key, Timeout = {}) = 0;
  /// Counts the keys that callers set; a PrefixStore counts its own.
  virtual std::int64_t num_keys(Timeout = {}) = 0;
  /// Lists the keys that begin with `prefix`, sorted.
  virtual std::vector<std::string> list(const std::string& prefix = {}, Timeout = {}) = 0;
  /// Waits until all of `keys` exist and returns their values as of one moment.
  virtual std::vector<std::string> multi_get(const std::vector<std::string>& keys,
                                             Timeout = {}) = 0;
  /// Sets all in one step: nobody sees a part of them.
  virtual void multi_set(const std::vector<std::string>& keys,
                         const std::vector<std::string>& values, Timeout = {}) = 0;
  /// Waits until `count` callers are in the barrier `key`. A caller that times out is no longer
  /// counted, and the barrier may be used again.
  virtual void barrier(const std::string& key, int count, Timeout = {}) = 0;
};

/// A store within one process: for tests, for one rank, for ranks that are threads.
std::shared_ptr<KeyValueStore> make_hash_store(
    std::chrono::milliseconds timeout = std::chrono::seconds(30));

/// A view of `store` in which every key and group name begins with `prefix` + "/". Nests.
std::shared_ptr<KeyValueStore> make_prefix_store(std::string prefix,
                                                 std::shared_ptr<KeyValueStore> store);

/// Where a TCP store is, and how to be let in.
struct TcpStoreOptions {
  std::string host = "127.0.0.1";  ///< Name or address; IPv6 with or without brackets.
  std::uint16_t port = 0;          ///< A server's 0 picks a free one.
  /// Ports to try from `port` on: a server takes the first that is free, a client finds the one at
  /// which its job's store answers.
  int port_count = 1;
  std::string job;               ///< Keeps jobs on one server apart.
  std::string secret;            ///< Shared secret for the mutual authentication; empty: none.
  bool insecure = false;         ///< A server beyond loopback may do without a secret.
  bool standalone_only = false;  ///< A client refuses a server that one job's rank hosts.
  std::chrono::milliseconds timeout = std::chrono::seconds(30);   ///< For connecting and for calls.
  std::chrono::milliseconds liveness = std::chrono::seconds(10);  ///< Silence that means lost.
};

/// A TCP store's server: one thread, from construction to destruction. docs/wire.md has its bytes.
/// Serves one job (`options.job`) or, standalone, any number of jobs.
class StoreServer {
 public:
  enum class Serves { one_job, any_job };  ///< Hosted by a rank of the job, or standalone.
  /// Binds to the one address that `options.host` names. Error(invalid_argument) with the port if
  /// it is taken or not ours; Error(refused) beyond loopback without secret unless insecure.
  StoreServer(const TcpStoreOptions& options, Serves serves);
  ~StoreServer();
  StoreServer(StoreServer&&) noexcept;
  StoreServer& operator=(StoreServer&&) noexcept;

  std::uint16_t port() const;
  /// "tcp://127.0.0.1:4711", as SYMMEM_STORE takes it.
  std::string url() const;
  /// Waits until no client is connected, but those of the process with the id `except`; false if
  /// the timeout passed first.
  bool wait_until_left(std::chrono::milliseconds timeout, std::uint64_t except = 0);

 private:
  class [[gnu::visibility("hidden")]] Impl;
  std::unique_ptr<Impl> impl_;
};

/// Connects to a TCP store, trying every address of the name and trying again while nobody listens,
/// within options.timeout. A wrong secret or job is Error(refused) at once.
std::shared_ptr<KeyValueStore> make_tcp_store(const TcpStoreOptions& options);

}  // namespace symmem
