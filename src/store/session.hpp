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

class Server;
class State;

/// The server's end of one connection. Lives in the server's thread. A session that was closed
/// stays as long as an operation of its socket does.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(std::shared_ptr<Server> server, ClientId id, boost::asio::io_context& io, Fd socket,
          std::string secret);
  ~Session();

  void start() { read(); }
  /// Puts a frame into the queue; Server::settle sends it.
  void queue(Kind kind, std::uint64_t id, std::string_view body);
  void reply_sent() { --waiting_; }
  /// Sends what the socket takes.
  void flush();
  /// Closes the socket; the server forgets the session.
  void close(const std::string& reason);
  /// Closes if the peer has not been heard of for too long.
  void check_life(Clock::time_point now);

  ClientId id() const { return id_; }
  const Hello& hello() const { return handshake_.hello(); }
  bool is_member() const { return state_ != nullptr; }

 private:
  void read();
  void on_read(std::size_t count);
  void take_frames();
  void take(const Frame& frame);
  void take_handshake(const Frame& frame);
  void take_request(const Frame& frame);
  void refuse(Errc code, const std::string& text);

  const std::shared_ptr<Server> server_;
  const ClientId id_;
  struct Socket;  // Asio's.
  const std::unique_ptr<Socket> socket_;
  ServerHandshake handshake_;
  State* state_ = nullptr;  // Of its job, once the handshake is done.
  FrameReader frames_{kMaxHandshakeBytes};
  std::string out_;
  std::size_t waiting_ = 0;  // Requests without a reply yet.
  Clock::time_point heard_ = Clock::now();
  bool dirty_ = false;    // In the server's list of sessions to flush.
  bool writing_ = false;  // Waits for the socket to take more.
  bool paused_ = false;   // Not read from until what was said has been sent.
  bool refused_ = false;  // To be closed when the refusal is sent.
  bool closed_ = false;
};

}  // namespace symmem::store
