// SPDX-License-Identifier: Apache-2.0
/// Key-value stores: small values that the ranks of a job share, and the stores that symmem
/// implements.
///
/// Use the store of a Context to share values, a hash store for ranks that are threads of one
/// process, and StoreServer with make_tcp_store for a store that the application hosts:
///
///   context.store()->set("model", "v2");
///   auto store = symmem::make_hash_store();
///   const std::string row = "row" + std::to_string(row_index);  // Each group needs its own name.
///   context.set_group_info(row, rank_in_row, ranks_per_row, context.store());
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

/// A Store that also keeps values by key. Keys and values are byte strings; docs/wire.md lists
/// their limits. Threads, deadlines and errors: as in Store.
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
  /// Waits until all `keys` exist. A timeout error lists the missing keys.
  virtual void wait(const std::vector<std::string>& keys, Timeout = {}) = 0;
  /// Returns whether all `keys` exist now.
  virtual bool check(const std::vector<std::string>& keys, Timeout = {}) = 0;
  /// Appends `value` to the value of `key` atomically; the value of a missing key is "".
  virtual void append(const std::string& key, const std::string& value, Timeout = {}) = 0;
  /// Deletes `key` and returns whether it existed.
  virtual bool delete_key(const std::string& key, Timeout = {}) = 0;
  /// Returns the number of keys; for a prefix store, the number of keys with its prefix.
  virtual std::int64_t num_keys(Timeout = {}) = 0;
  /// Returns the keys that begin with `prefix`, sorted.
  virtual std::vector<std::string> list(const std::string& prefix = {}, Timeout = {}) = 0;
  /// Waits until all `keys` exist and returns their values, read atomically.
  virtual std::vector<std::string> multi_get(const std::vector<std::string>& keys,
                                             Timeout = {}) = 0;
  /// Sets each of `keys` to the value at the same index, atomically.
  virtual void multi_set(const std::vector<std::string>& keys,
                         const std::vector<std::string>& values, Timeout = {}) = 0;
  /// Waits until `count` callers have entered the barrier `key`. A caller that times out is no
  /// longer counted. The key may be reused.
  virtual void barrier(const std::string& key, int count, Timeout = {}) = 0;
};

/// Creates a store within this process: for a single rank, for ranks that are threads, and for
/// tests. `timeout` is the default timeout of its calls.
std::shared_ptr<KeyValueStore> make_hash_store(
    std::chrono::milliseconds timeout = std::chrono::seconds(30));

/// Creates a view of `store` that prepends `prefix` and "/" to every key and group name. A view of
/// a view prepends both prefixes.
std::shared_ptr<KeyValueStore> make_prefix_store(std::string prefix,
                                                 std::shared_ptr<KeyValueStore> store);

/// Address, credentials and timeouts of a TCP store, for its server and its clients.
struct TcpStoreOptions {
  std::string host = "127.0.0.1";  ///< Host name or address; IPv6 with or without brackets.
  std::uint16_t port = 0;          ///< Server: 0 selects a free port.
  /// Number of ports to try, starting at `port`. A server binds the first free port; a client uses
  /// the port on which the store of its job answers.
  int port_count = 1;
  std::string job;               ///< Distinguishes the jobs of a standalone server.
  std::string secret;            ///< For mutual authentication; empty: no authentication.
  bool insecure = false;         ///< Server: allow a non-loopback address without a secret.
  bool standalone_only = false;  ///< Client: refuse a server that a rank hosts.
  /// Default timeout for connecting and for calls.
  std::chrono::milliseconds timeout = std::chrono::seconds(30);
  /// A client or a server that is silent for this time is lost.
  std::chrono::milliseconds liveness = std::chrono::seconds(10);
};

/// The server of a TCP store. Runs one thread from construction to destruction. Serves one job
/// (`options.job`) or, if standalone, any number of jobs. docs/wire.md specifies the protocol.
class StoreServer {
 public:
  enum class Serves { one_job, any_job };  ///< Hosted by a rank, or standalone.
  /// Binds only the first address of `options.host`. Throws Error(invalid_argument), which names
  /// the port, if the port is in use or the address does not belong to this host. Throws
  /// Error(refused) for a non-loopback address without a secret, unless `options.insecure` is set.
  StoreServer(const TcpStoreOptions& options, Serves serves);
  ~StoreServer();
  StoreServer(StoreServer&&) noexcept;
  StoreServer& operator=(StoreServer&&) noexcept;

  std::uint16_t port() const;
  /// Returns the address of the server in the form of SYMMEM_STORE: "tcp://127.0.0.1:4711".
  std::string url() const;
  /// Waits until no client is connected, except clients of the process with id `except`. Returns
  /// false after `timeout`.
  bool wait_until_left(std::chrono::milliseconds timeout, std::uint64_t except = 0);

 private:
  class [[gnu::visibility("hidden")]] Impl;
  std::unique_ptr<Impl> impl_;
};

/// Connects to a TCP store. Tries every address of the host name, repeatedly while no server
/// listens, until options.timeout expires. Throws Error(refused) for a wrong secret or job: at once
/// if options.port_count is 1, otherwise when the timeout expires.
std::shared_ptr<KeyValueStore> make_tcp_store(const TcpStoreOptions& options);

}  // namespace symmem
