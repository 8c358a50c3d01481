// SPDX-License-Identifier: Apache-2.0
#include "store/server.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>  // Asio 1.74 uses std::exchange without including it.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/check.hpp"
#include "base/deadline.hpp"
#include "base/host.hpp"
#include "base/random.hpp"
#include "store/error_text.hpp"

namespace symmem::store {
namespace asio = boost::asio;
using asio::ip::tcp;

struct Server::Io {
  // Asio uses the address family only to open a socket, and this socket is open.
  Io(asio::io_context& context, Fd listening)
      : io(context),
        acceptor(io, tcp::v4(), listening.get()),
        alarm_timer(io),
        liveness_timer(io),
        accept_timer(io) {
    listening.release();
    acceptor.non_blocking(true);
  }

  asio::io_context& io;
  tcp::acceptor acceptor;
  asio::steady_timer alarm_timer, liveness_timer, accept_timer;
};

Server::Server(asio::io_context& io, Fd listening, const TcpStoreOptions& options,
               StoreServer::Serves serves)
    : io_(std::make_unique<Io>(io, std::move(listening))),
      options_(options),
      serves_(serves),
      process_{host_name(), ::getpid(), random_u64()} {}
Server::~Server() = default;

void Server::start() {
  arm_accept();
  check_liveness();
}

void Server::close() {
  closed_ = true;
  while (!sessions_.empty()) sessions_.begin()->second->close("the store was closed");
  unflushed_.clear();
  io_.reset();
}

bool Server::wait_until_left(std::chrono::milliseconds timeout, std::uint64_t except) {
  std::unique_lock lock(left_mutex_);
  return left_.wait_until(lock, Deadline::in(timeout, timeout).when(),
                          [&] { return connected_.size() == connected_.count(except); });
}

// Accepting.

void Server::arm_accept() {
  if (accepting_ || closed_) return;
  accepting_ = true;
  io_->acceptor.async_wait(tcp::acceptor::wait_read, [this](const auto& error) {
    accepting_ = false;
    if (!error && !closed_) accept_batch();
  });
}

/// Accepts a bounded number of connections per turn, so that they do not delay members.
void Server::accept_batch() {
  for (int i = 0; i < 32; ++i) {
    // Connections beyond the limits wait in the kernel's queue, at no cost to this process.
    if (unauthenticated_ >= kMaxUnauthenticated || sessions_.size() >= kMaxConnections) return;
    Fd socket(::accept4(io_->acceptor.native_handle(), nullptr, nullptr, SOCK_CLOEXEC));
    if (socket) {
      add_session(std::move(socket));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      io_->accept_timer.expires_after(std::chrono::milliseconds(50));
      io_->accept_timer.async_wait([this](const auto&) { arm_accept(); });
      return;
    } else if (errno == EAGAIN) {
      break;
    }
  }
  arm_accept();
}

void Server::add_session(Fd socket) {
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const ClientId id = next_client_++;
  try {
    const auto session =
        std::make_shared<Session>(*this, id, io_->io, std::move(socket), options_.secret);
    sessions_.emplace(id, session);
    ++unauthenticated_;
    session->start();
  } catch (const std::exception&) {
    // Out of memory or of epoll watches: drops only this connection.
    unauthenticated_ -= sessions_.erase(id);
  }
}

// Sessions.

// The random seed makes group ids unique across servers.
Server::Job::Job(Outbox& outbox, Alarms& alarms)
    : state(outbox, alarms, to_hex(random_bytes(8)), kNotifyInterval) {}

State& Server::admit(Session& session) {
  const std::string& job = session.hello().job;
  if (serves_ == StoreServer::Serves::one_job && job != options_.job)
    fail(Errc::refused, "this server {} serves job {}; the client asked for job {}",
         name_of(process_), in_quotes(options_.job), in_quotes(job));
  const auto at = jobs_.try_emplace(job, *this, alarms_).first;
  ++at->second.members;
  --unauthenticated_;
  arm_accept();
  const std::lock_guard lock(left_mutex_);
  connected_.insert(session.hello().process.id);
  return at->second.state;
}

void Server::remove_session(Session& session, State* state, const std::string& reason) {
  const auto kept = session.shared_from_this();
  sessions_.erase(session.id());
  arm_accept();
  if (!state) {
    --unauthenticated_;
    return;
  }
  state->drop(session.id(), reason, now());
  const auto job = jobs_.find(session.hello().job);
  // A server of one job keeps the job's state for clients that reconnect.
  if (--job->second.members == 0 && serves_ == StoreServer::Serves::any_job) jobs_.erase(job);
  const std::lock_guard lock(left_mutex_);
  connected_.erase(connected_.find(session.hello().process.id));
  left_.notify_all();
}

void Server::reply(Ticket ticket, std::string_view body) {
  const auto found = sessions_.find(ticket.client);
  if (found == sessions_.end()) return;
  found->second->reply(ticket.request, body);
}

void Server::push(std::span<const ClientId> clients, const MembersGone& event) {
  const std::string body = encode(event);
  for (const ClientId client : clients) {
    const auto found = sessions_.find(client);
    if (found != sessions_.end()) found->second->queue(Kind::members_gone, 0, body);
  }
}

const Process& Server::process(ClientId client) {
  return sessions_.find(client)->second->hello().process;
}

// Time.

Clock::time_point Server::now() {
  if (!now_) now_ = Clock::now();
  return *now_;
}

void Server::finish_turn() {
  // A flush that closes its session may enqueue frames for other sessions.
  do {
    alarms_.run(now());
    flushing_.swap(unflushed_);
    for (const auto& session : flushing_) session->flush();
    flushing_.clear();
  } while (!unflushed_.empty());
  now_.reset();
  set_timer();
}

void Server::set_timer() {
  const auto next = alarms_.next();
  // A timer that fires early is harmless; most alarms are cancelled before they are due.
  if (closed_ || !next || (timer_set_for_ && *timer_set_for_ <= *next)) return;
  timer_set_for_ = *next;
  io_->alarm_timer.expires_at(*next);
  io_->alarm_timer.async_wait([this](const auto& error) {
    if (error || closed_) return;
    timer_set_for_.reset();
    finish_turn();
  });
}

void Server::check_liveness() {
  if (closed_) return;
  std::vector<std::shared_ptr<Session>> all;
  for (const auto& [id, session] : sessions_) all.push_back(session);
  for (const auto& session : all) session->check_liveness(now());
  finish_turn();
  io_->liveness_timer.expires_after(std::chrono::milliseconds(100));
  io_->liveness_timer.async_wait([this](const auto&) { check_liveness(); });
}

}  // namespace symmem::store
