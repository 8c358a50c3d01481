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

/// Accepts connections and brings together sessions, jobs and time. Everything but wait_until_left
/// happens in the thread that runs `io`.
class Server : public std::enable_shared_from_this<Server>, public Outbox {
 public:
  /// `listening` is a socket that listens.
  Server(boost::asio::io_context& io, Fd listening, const TcpStoreOptions& options,
         StoreServer::Serves serves);
  ~Server();

  void start();
  void close();
  bool wait_until_left(std::chrono::milliseconds timeout, std::uint64_t except);

  // For sessions.
  /// The State of the session's job. Error(refused) if that job is not served here.
  State& admit(Session& session);
  void forget(Session& session, State* state, const std::string& reason);
  void flush_later(Session& session) { unflushed_.push_back(session.shared_from_this()); }
  /// Ends every handler: runs alarms that are due and sends what is queued.
  void settle();
  void reply(Ticket ticket, std::string_view body) override;
  /// When the handler that runs began.
  Clock::time_point now();
  /// One for all: a request is done with before the next one is read.
  Request& request() { return request_; }
  Welcome welcome() const { return {process_, serves_ == StoreServer::Serves::any_job}; }

 private:
  struct Job {
    Job(Outbox& outbox, Alarms& alarms);
    State state;
    std::size_t members = 0;
  };

  void push(std::span<const ClientId> clients, const MembersGone& event) override;
  const Process& process(ClientId client) override;
  void accept_soon();
  void accept_some();
  void add_session(Fd socket);
  void set_timer();
  void check_lives();

  struct Io;  // Asio's part: the acceptor and the timers.
  const std::unique_ptr<Io> io_;
  const TcpStoreOptions options_;
  const StoreServer::Serves serves_;
  const Process process_;

  Alarms alarms_;
  std::map<std::string, Job> jobs_;
  std::unordered_map<ClientId, std::shared_ptr<Session>> sessions_;
  std::vector<std::shared_ptr<Session>> unflushed_, flushing_;
  Request request_;
  ClientId next_client_ = 1;
  std::size_t strangers_ = 0;
  bool accepting_ = false;
  bool closed_ = false;
  std::optional<Clock::time_point> now_;
  std::optional<Clock::time_point> timer_set_for_;

  std::mutex left_mutex_;  // For what wait_until_left looks at.
  std::condition_variable left_;
  std::multiset<std::uint64_t> connected_;  // Ids of the clients' processes.
};

}  // namespace symmem::store
