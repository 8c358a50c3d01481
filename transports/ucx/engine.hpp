// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "gpu/gpu.hpp"
#include "symmem/options.hpp"
#include "ucx/endpoint.hpp"
#include "ucx/progress_driver.hpp"
#include "ucx/service.hpp"
#include "ucx/ucp_context.hpp"
#include "ucx/worker.hpp"

namespace symmem::ucx {

/// UCX of one Context: a UCP context, one worker, the service for peers' requests, the endpoints to
/// peers, and the thread that progresses them. One worker for both directions, so that a pair of
/// ranks has one connection, on which each message carries the acknowledgement of the one before.
class Engine {
 public:
  /// `process` is the id of this Context. Throws Refusal if UCX cannot be used here,
  /// Error(exhausted) if the thread cannot be started.
  Engine(const Options& options, std::uint64_t process, Log& log, Gpus* gpus = nullptr);
  /// Memory that was registered with context() must be unregistered before.
  ~Engine() { shutdown(); }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const Library& ucp() const { return ucp_; }
  ucp_context_h context() const { return context_.get(); }
  Service& service() { return service_; }
  Worker& worker() { return worker_; }
  ProgressDriver& driver() { return driver_; }
  /// The worker's address, which peers pass to endpoint().
  const std::string& address() const { return address_; }
  /// Returns the GPU that holds memory of `device`, null for host memory. It lives as long as the
  /// engine.
  Gpu* gpu(const Device& device);
  /// Returns whether this UCX accesses GPU memory itself.
  bool knows_cuda() const;

  /// Returns the one endpoint to that process, made at first use; it lives as long as the engine.
  /// Throws Refusal if no network transport of UCX reaches it.
  Endpoint& endpoint(std::uint64_t process, const std::string& address);

  /// Closes the connection to a lost process: operations on it fail.
  void abandon_peer(std::uint64_t process) noexcept;
  /// Flushes all endpoints, for up to `timeout`, and keeps serving peers. Several transports share
  /// an engine: only the first call of this, and of shutdown, has an effect.
  void drain(std::chrono::milliseconds timeout) noexcept;
  /// Stops the thread and closes all connections. Afterwards no peer's request is executed, so the
  /// memory may be unmapped.
  void shutdown() noexcept;

 private:
  static ucs_status_t on_reply(void* self, const void* header, std::size_t header_bytes, void* data,
                               std::size_t bytes, const ucp_am_recv_param_t*);
  void close_endpoints();

  const Library& ucp_;
  Log& log_;
  const std::uint64_t process_;
  UcpContext context_;
  Worker worker_;
  Gpus* const gpus_;  ///< Null in a build without CUDA.
  Service service_;
  const std::string address_;
  std::atomic<bool> drained_{false};
  ProgressDriver driver_;
  // Guarded by the worker's mutex.
  std::map<std::uint64_t, std::unique_ptr<Endpoint>> endpoints_;  ///< By process.
  std::vector<Endpoint*> numbered_;                               ///< In order of creation.
};

}  // namespace symmem::ucx
