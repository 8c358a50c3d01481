// SPDX-License-Identifier: Apache-2.0
/// Key-value stores: small values that the ranks of a job share, and the stores symmem brings.
///
/// Use a Context's own store to share values, a hash store for ranks that are threads of one
/// process, and StoreServer with make_tcp_store to host a store yourself:
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
#include "symmem/types.hpp"

namespace SYMMEM_API symmem {

/// A Store that also keeps values by key. Keys and values are byte strings; docs/wire.md lists the
/// limits. Threads, deadlines and errors are those of Store.
class KeyValueStore : public Store {
 public:
  /// Sets `key` to `value`. Returns when the store has applied it.
  virtual void set(const std::string& key, const std::string& value, Timeout = {}) = 0;
  /// Waits until `key` exists and returns its value.
  virtual std::string get(const std::string& key, Timeout = {}) = 0;
  /// Adds `amount` to a decimal counter (0 if `key` does not exist) and returns the sum. Throws
  /// Error(invalid_argument) and changes nothing if the value is not a 64-bit decimal number or the
  /// sum overflows.
  virtual std::int64_t add(const std::string& key, std::int64_t amount, Timeout = {}) = 0;
  /// Sets `key` to `desired` if its value is `expected`; the value of a missing key is "". Returns
  /// the value of `key` after the call.
  virtual std::string compare_set(const std::string& key, const std::string& expected,
                                  const std::string& desired, Timeout = {}) = 0;
  /// Waits until all `keys` exist. The error of a timeout lists the missing ones.
  virtual void wait(const std::vector<std::string>& keys, Timeout = {}) = 0;
  /// Returns whether all `keys` exist now.
  virtual bool check(const std::vector<std::string>& keys, Timeout = {}) = 0;
  /// Appends to the value of `key` ("" if it does not exist), atomically.
  virtual void append(const std::string& key, const std::string& value, Timeout = {}) = 0;
  /// Deletes `key` and returns whether it existed.
  virtual bool delete_key(const std::string& key, Timeout = {}) = 0;
  /// Counts the keys. A prefix store counts those under its prefix.
  virtual std::int64_t num_keys(Timeout = {}) = 0;
  /// Lists the keys that begin with `prefix`, sorted.
  virtual std::vector<std::string> list(const std::string& prefix = {}, Timeout = {}) = 0;
  /// Waits until all `keys` exist and returns their values, read atomically.
  virtual std::vector<std::string> multi_get(const std::vector<std::string>& keys,
                                             Timeout = {}) = 0;
  /// Sets each of `keys` to the value at the same index, atomically.
  virtual void multi_set(const std::vector<std::string>& keys,
                         const std::vector<std::string>& values, Timeout = {}) = 0;
  /// Waits until `count` callers have entered the barrier `key`. A caller that times out is not
  /// counted any more. The key may be used again.
  virtual void barrier(const std::string& key, int count, Timeout = {}) = 0;
};

/// Makes a store within this process, for one rank, for ranks that are threads, and for tests.
/// `timeout` is the default of its calls.
std::shared_ptr<KeyValueStore> make_hash_store(
    std::chrono::milliseconds timeout = std::chrono::seconds(30));

/// Makes a view of `store` that puts `prefix` and "/" before every key and group name. A view of a
/// view has both prefixes.
std::shared_ptr<KeyValueStore> make_prefix_store(std::string prefix,
                                                 std::shared_ptr<KeyValueStore> store);

/// Address, credentials and timeouts of a TCP store, for its server and its clients.
struct TcpStoreOptions {
  std::string host = "127.0.0.1";  ///< Name or address; IPv6 with or without brackets.
  std::uint16_t port = 0;          ///< Server: 0 picks a free one.
  /// How many ports to try, from `port` on. A server binds the first free one; a client connects to
  /// the one at which its job's store answers.
  int port_count = 1;
  std::string job;               ///< Separates the jobs of one standalone server.
  std::string secret;            ///< Shared secret of the mutual authentication; empty: none.
  bool insecure = false;         ///< Server: allow an address beyond loopback without a secret.
  bool standalone_only = false;  ///< Client: refuse a server that a rank of one job hosts.
  std::chrono::milliseconds timeout = std::chrono::seconds(30);   ///< For connecting and for calls.
  std::chrono::milliseconds liveness = std::chrono::seconds(10);  ///< Silence after which: lost.
};

/// The server of a TCP store, with one thread from construction to destruction. Serves one job
/// (`options.job`) or, standalone, any number of jobs. docs/wire.md describes its protocol.
class StoreServer {
 public:
  enum class Serves { one_job, any_job };  ///< Hosted by a rank of the job, or standalone.
  /// Binds the first address of `options.host`, never all. Throws Error(invalid_argument) that
  /// names the port if it is in use or the address is not of this host, Error(refused) for an
  /// address beyond loopback without a secret, unless `options.insecure`.
  StoreServer(const TcpStoreOptions& options, Serves serves);
  ~StoreServer();
  StoreServer(StoreServer&&) noexcept;
  StoreServer& operator=(StoreServer&&) noexcept;

  std::uint16_t port() const;
  /// Returns its address as SYMMEM_STORE takes it: "tcp://127.0.0.1:4711".
  std::string url() const;
  /// Waits until no client is connected, except those of the process with id `except`. Returns
  /// false after `timeout`.
  bool wait_until_left(std::chrono::milliseconds timeout, std::uint64_t except = 0);

 private:
  class [[gnu::visibility("hidden")]] Impl;
  std::unique_ptr<Impl> impl_;
};

/// Connects to a TCP store. Tries every address of the name, and again while no server listens,
/// until options.timeout. A wrong secret or job is Error(refused) at once.
std::shared_ptr<KeyValueStore> make_tcp_store(const TcpStoreOptions& options);

}  // namespace symmem
