// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <thread>

#include "base/log.hpp"
#include "symmem/options.hpp"
#include "symmem/transport.hpp"
#include "ucx/service.hpp"
#include "ucx/worker.hpp"

namespace symmem::ucx {

class Endpoint;

/// UCX of one Context: a UCP context, a service worker for what peers ask, an initiator worker for
/// what we ask, and the thread that keeps both going: peers are served while the application
/// computes, and what it has posted completes without its help.
class Engine {
 public:
  /// Error(unsupported) says why UCX cannot be used here.
  Engine(const Options& options, std::uint64_t process, Log& log);
  /// Memory that was mapped for it is unmapped before.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const Library& ucp() const { return ucp_; }
  ucp_context_h context() const { return context_.get(); }
  Service& service() { return service_; }
  Worker& initiator() { return initiator_; }
  const std::string& address() const { return address_; }
  std::uint64_t process() const { return process_; }
  /// Whether large puts go by RMA. UCX 1.13 emulates that over TCP, and ends the target's process
  /// when it cannot acknowledge to a sender that has died.
  bool puts_by_rma() const { return ucp_.at_least(14); }

  /// The one endpoint to that process, made at first use. Error(unsupported) if no network
  /// transport of UCX leads there.
  std::shared_ptr<Endpoint> endpoint(std::uint64_t process, const std::string& address);

  // With the initiator's mutex held:
  /// Progresses until `done`, and asks `wait` now and then. Spins shortly, then sleeps.
  void wait(std::unique_lock<std::mutex>& lock, Wait& wait, const std::function<bool()>& done);
  /// Whatever some wait looks at has changed.
  void notify() { changed_.notify_all(); }
  /// Closes the endpoints that have failed.
  void progress_initiator();
  void failed(Endpoint& endpoint) { failed_.push_back(&endpoint); }

  /// Carries on what has arrived, unless another thread does: called again and again by who waits.
  void poll();
  /// Who polled goes to sleep: the thread is to go on.
  void rest();
  /// Flushes what is outstanding, then ends the thread: nothing is carried out any more.
  void stop(std::chrono::milliseconds timeout) noexcept;

 private:
  struct Context {
    explicit Context(const Library& ucp, const Options& options);
    ~Context() { ucp.cleanup(context); }
    ucp_context_h get() const { return context; }
    const Library& ucp;
    ucp_context_h context = nullptr;
  };
  static ucs_status_t on_reply(void* self, const void* header, std::size_t header_bytes, void* data,
                               std::size_t bytes, const ucp_am_recv_param_t*);
  void progress_forever();
  bool polled() const;  ///< A moment ago.
  bool progress_once();
  void sleep();
  void close_endpoints();

  const Library& ucp_;
  Log& log_;
  const std::uint64_t process_;
  const std::chrono::nanoseconds patience_;  ///< Of the thread, before it sleeps.
  Context context_;
  Worker service_worker_;
  Worker initiator_;
  Service service_;
  std::string address_;
  std::condition_variable parked_;   ///< With initiator_.mutex: the thread, while others poll.
  std::condition_variable changed_;  ///< With initiator_.mutex.
  std::map<std::uint64_t, std::shared_ptr<Endpoint>> endpoints_;  ///< By process.
  std::vector<Endpoint*> numbered_;                               ///< The same, in their order.
  std::vector<Endpoint*> failed_;                                 ///< To be closed.
  std::atomic<bool> stopping_{false};
  std::atomic<std::int64_t> last_poll_{0};  ///< In ticks of the steady clock.
  std::thread thread_;                      ///< Last: it uses all of the above.
};

}  // namespace symmem::ucx
