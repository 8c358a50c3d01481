// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <thread>

#include "gpu/gpu.hpp"
#include "base/log.hpp"
#include "symmem/options.hpp"
#include "symmem/extend/transport.hpp"
#include "ucx/service.hpp"
#include "ucx/ucp_context.hpp"
#include "ucx/worker.hpp"

namespace symmem::ucx {

class Endpoint;

/// UCX of one Context: a UCP context, one worker for what we ask of peers and they of us, and the
/// thread that keeps it going: peers are served while the application computes, and what it has
/// posted completes without its help. One worker, so that a pair of ranks has one connection, on
/// which each message carries the acknowledgement of the one before it.
class Engine {
 public:
  /// Error(unsupported) says why UCX cannot be used here.
  Engine(const Options& options, std::uint64_t process, Log& log,
         std::shared_ptr<Gpus> gpus = nullptr);
  /// Memory that was mapped for it is unmapped before.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const Library& ucp() const { return ucp_; }
  ucp_context_h context() const { return context_.get(); }
  Service& service() { return service_; }
  Worker& worker() { return worker_; }
  const std::string& address() const { return address_; }
  /// The GPU that has a block; null for host memory.
  std::shared_ptr<Gpu> gpu(const Device& device) {
    if (device.type != DeviceType::cuda || !gpus_) return nullptr;
    uses_gpus_.store(true);
    return gpus_->gpu(device.index);
  }
  /// Whether this UCX itself works on GPU memory.
  bool knows_cuda() const;
  std::uint64_t process() const { return process_; }

  /// The one endpoint to that process, made at first use. Error(unsupported) if no network
  /// transport of UCX leads there.
  std::shared_ptr<Endpoint> endpoint(std::uint64_t process, const std::string& address);

  // With the worker locked by `lock`, or locked:
  /// Progresses until `done`, and asks `wait` now and then. Spins shortly, then sleeps.
  void wait(std::unique_lock<std::mutex>& lock, Wait& wait, const std::function<bool()>& done);
  /// Whatever some wait looks at has changed.
  void notify() { changed_.notify_all(); }
  /// Lets what is under way go on for a moment; the caller calls until it has ended.
  void let_change(std::unique_lock<std::mutex>& lock);
  /// Whether anything was done. Also closes the endpoints that have failed.
  bool progress();
  void failed(Endpoint& endpoint) { failed_.push_back(&endpoint); }

  /// Carries on what has arrived, unless another thread does: called again and again by who waits.
  void poll();
  /// Who polled goes to sleep: the thread is to go on.
  void stop_polling();
  /// Ends the connection to a process that is lost.
  void give_up(std::uint64_t process) noexcept;
  /// Flushes what is outstanding. Several transports share an engine: the first call counts, of
  /// this and of stop.
  void finish(std::chrono::milliseconds timeout) noexcept;
  /// Ends the thread and all connections: nothing is carried out any more, since the memory goes
  /// next.
  void stop() noexcept;

 private:
  static ucs_status_t on_reply(void* self, const void* header, std::size_t header_bytes, void* data,
                               std::size_t bytes, const ucp_am_recv_param_t*);
  class Polling;
  /// What a thread that progresses UCX needs where UCX may call CUDA.
  std::unique_ptr<CaptureGuard> guard_captures() const {
    return uses_gpus_.load(std::memory_order_relaxed) ? gpus_->guard_captures() : nullptr;
  }
  bool spin(std::unique_lock<std::mutex>& lock, const std::function<bool()>& done);
  void progress_forever();
  bool polled() const;  ///< Now or a moment ago.
  bool try_progress();
  void park(std::chrono::nanoseconds longest);
  void sleep();
  void close_endpoints();

  const Library& ucp_;
  Log& log_;
  const std::uint64_t process_;
  const std::chrono::nanoseconds patience_;  ///< Of the thread, before it sleeps.
  UcpContext context_;
  Worker worker_;
  const std::shared_ptr<Gpus> gpus_;  ///< Null in a build without CUDA.
  std::atomic<bool> uses_gpus_{false};
  Service service_;
  std::string address_;
  std::mutex parking_;
  std::condition_variable parked_;   ///< With parking_: the thread, while others poll.
  std::condition_variable changed_;  ///< With the worker's mutex.
  std::map<std::uint64_t, std::shared_ptr<Endpoint>> endpoints_;  ///< By process.
  std::vector<Endpoint*> numbered_;                               ///< The same, in their order.
  std::vector<Endpoint*> failed_;                                 ///< To be closed.
  std::atomic<bool> finished_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<int> polling_{0};             ///< Threads. A hint, as is the next: it orders nothing.
  std::atomic<std::int64_t> last_poll_{0};  ///< In ticks of the steady clock.
  std::thread thread_;                      ///< Last: it uses all of the above.
};

}  // namespace symmem::ucx
