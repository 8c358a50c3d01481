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

/// The UCX objects of one Context: a UCP context, a worker, the service for the peers' requests,
/// the endpoints to the peers, and the progress thread. One worker serves both directions, so that
/// a pair of ranks has one connection: messages in one direction include the acknowledgements for
/// the other direction.
class Engine {
 public:
  /// `process` is the id of this Context. Throws Refusal if UCX cannot be used on this host,
  /// Error(exhausted) if the progress thread cannot be started.
  Engine(const Options& options, std::uint64_t process, Log& log, Gpus* gpus = nullptr);
  /// Precondition: memory registered with context() has been unregistered.
  ~Engine() { shutdown(); }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const Library& ucp() const { return ucp_; }
  ucp_context_h context() const { return context_.get(); }
  Service& service() { return service_; }
  Worker& worker() { return worker_; }
  ProgressDriver& driver() { return driver_; }
  /// Returns the worker's address, which peers pass to endpoint().
  const std::string& address() const { return address_; }
  /// Returns the GPU `device`; null if `device` is the host. The GPU outlives the engine.
  Gpu* gpu(const Device& device);
  /// Returns whether this UCX can access GPU memory without staging.
  bool knows_cuda() const;

  /// Returns the endpoint to the Context `process`; the first call creates it. The endpoint lives
  /// as long as the engine. Throws Refusal if no network transport of UCX reaches the process.
  Endpoint& endpoint(std::uint64_t process, const std::string& address);

  /// Closes the connection to a lost process; operations on this connection then fail.
  void abandon_peer(std::uint64_t process) noexcept;
  /// Flushes all endpoints for at most min(`timeout`, 5 s) while peers are still served. Several
  /// transports share an engine; only the first call of drain() and of shutdown() has an effect.
  void drain(std::chrono::milliseconds timeout) noexcept;
  /// Stops the progress thread and closes all connections. Afterwards no request from a peer is
  /// executed, so that the memory may be unmapped.
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
  // The worker's mutex guards the members below.
  std::map<std::uint64_t, std::unique_ptr<Endpoint>> endpoints_;  ///< By process id.
  std::vector<Endpoint*> numbered_;  ///< Endpoints in order of creation.
};

}  // namespace symmem::ucx
