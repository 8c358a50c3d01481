// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/unique_handle.hpp"
#include "store/session.hpp"
#include "store/state.hpp"
#include "symmem/key_value_store.hpp"

namespace boost::asio {
class io_context;
}

namespace symmem::store {

/// The store's server. Accepts connections and owns the sessions, the states of the jobs, and the
/// alarms. All calls except wait_until_left must be made in the thread that runs `io`. `io` must
/// drop its pending handlers before the Server is destroyed.
class Server final : public SessionHost, public Outbox {
 public:
  /// `listening` is a listening socket.
  Server(boost::asio::io_context& io, Fd listening, const TcpStoreOptions& options,
         StoreServer::Serves serves);
  ~Server();

  void start();
  /// Closes all connections. Must be called once, before destruction.
  void close();
  bool wait_until_left(std::chrono::milliseconds timeout, std::uint64_t except);

 private:
  struct Job {
    Job(Outbox& outbox, Alarms& alarms);
    State state;
    std::size_t members = 0;
  };

  State& admit(Session& session) override;
  void remove_session(Session& session, State* state, const std::string& reason) override;
  void schedule_flush(Session& session) override {
    unflushed_.push_back(session.shared_from_this());
  }
  void finish_turn() override;
  Clock::time_point now() override;
  Request& request() override { return request_; }
  Welcome welcome() const override { return {process_, serves_ == StoreServer::Serves::any_job}; }

  void reply(Ticket ticket, std::string_view body) override;
  void push(std::span<const ClientId> clients, const MembersGone& event) override;
  const Process& process(ClientId client) override;
  void arm_accept();
  void accept_batch();
  void add_session(Fd socket);
  void set_timer();
  void check_liveness();

  struct Io;                // Contains the acceptor and the timers.
  std::unique_ptr<Io> io_;  // Null after close.
  const TcpStoreOptions options_;
  const StoreServer::Serves serves_;
  const Process process_;

  Alarms alarms_;
  std::map<std::string, Job> jobs_;
  std::unordered_map<ClientId, std::shared_ptr<Session>> sessions_;
  std::vector<std::shared_ptr<Session>> unflushed_, flushing_;
  Request request_;
  ClientId next_client_ = 1;
  std::size_t unauthenticated_ = 0;
  bool accepting_ = false;
  bool closed_ = false;
  std::optional<Clock::time_point> now_;
  std::optional<Clock::time_point> timer_set_for_;

  std::mutex left_mutex_;  // Guards connected_.
  std::condition_variable left_;
  std::multiset<std::uint64_t> connected_;  // Ids of the clients' processes.
};

}  // namespace symmem::store
