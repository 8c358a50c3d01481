// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/unique_handle.hpp"
#include "store/alarms.hpp"
#include "store/frame.hpp"
#include "store/handshake.hpp"
#include "store/limits.hpp"
#include "store/outbox.hpp"

namespace boost::asio {
class io_context;
}

namespace symmem::store {

class Session;
class State;

/// Interface through which a Session calls the server that accepted it. All calls are made in the
/// server's thread.
class SessionHost {
 public:
  /// Counts the session as a member of its job and returns the job's State. Throws Error(refused)
  /// if this server does not serve the job.
  virtual State& admit(Session& session) = 0;
  /// Removes a closed session. `state` is the result of admit(), or null if admit() has not
  /// succeeded.
  virtual void remove_session(Session& session, State* state, const std::string& reason) = 0;
  /// Calls Session::flush before the current turn ends.
  virtual void schedule_flush(Session& session) = 0;
  /// Ends a turn, which is one run of an event handler: runs the due alarms and flushes the
  /// sessions.
  virtual void finish_turn() = 0;
  /// Returns the time at which the current turn began.
  virtual Clock::time_point now() = 0;
  /// Returns the Request object that all sessions share as their decode buffer; each request is
  /// handled before the next request is decoded.
  virtual Request& request() = 0;
  virtual Welcome welcome() const = 0;

 protected:
  ~SessionHost() = default;
};

/// The server's end of one connection. Used only in the server's thread. The pending operations of
/// the socket share ownership, because they outlive close().
class Session : public std::enable_shared_from_this<Session> {
 public:
  /// `host` must outlive the event loop's pending operations.
  Session(SessionHost& host, ClientId id, boost::asio::io_context& io, Fd socket,
          std::string secret);
  ~Session();

  void start() { read(); }
  /// Enqueues a frame, which is sent when the turn ends.
  void queue(Kind kind, std::uint64_t id, std::string_view body);
  void reply(std::uint64_t request, std::string_view body);
  /// Sends until the queue is empty or the socket's buffer is full.
  void flush();
  /// Closes the socket and removes the session from its host.
  void close(const std::string& reason);
  /// Closes the session if nothing was received for the client's liveness time or, during the
  /// handshake, for kHandshakeTime.
  void check_liveness(Clock::time_point now);

  ClientId id() const { return id_; }
  const Hello& hello() const { return handshake_.hello(); }
  bool is_member() const { return state_ != nullptr; }

 private:
  void read();
  void on_read(std::size_t count);
  void handle_frames();
  void handle_frame(const Frame& frame);
  void handle_handshake(const Frame& frame);
  void handle_request(const Frame& frame);
  void refuse(Errc code, const std::string& text);

  SessionHost& host_;
  const ClientId id_;
  struct Socket;  // Derived from Asio's socket.
  const std::unique_ptr<Socket> socket_;
  ServerHandshake handshake_;
  State* state_ = nullptr;  // State of the job; null before the handshake ends.
  FrameReader frames_{kMaxHandshakeBytes};
  std::string out_;
  std::size_t pending_requests_ = 0;  // Number of requests without a reply.
  Clock::time_point last_received_ = Clock::now();
  bool flush_scheduled_ = false;
  bool awaiting_writable_ = false;  // A wait for a writable socket is pending.
  bool paused_ = false;             // Reading is paused until out_ has been sent.
  bool refused_ = false;            // The session closes when the refusal has been sent.
  bool closed_ = false;
};

}  // namespace symmem::store
