// SPDX-License-Identifier: Apache-2.0
#include "store/session.hpp"

#include <utility>  // Asio 1.74 uses std::exchange without including it.

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "base/check.hpp"
#include "base/error_location.hpp"
#include "store/error_text.hpp"
#include "store/state.hpp"

namespace symmem::store {
namespace asio = boost::asio;

struct Session::Socket : asio::ip::tcp::socket {
  // Asio uses the address family only to open a socket, and this socket is open.
  Socket(asio::io_context& io, Fd fd) : asio::ip::tcp::socket(io, asio::ip::tcp::v4(), fd.get()) {
    fd.release();
    non_blocking(true);
  }
};

Session::Session(SessionHost& host, ClientId id, asio::io_context& io, Fd socket,
                 std::string secret)
    : host_(host),
      id_(id),
      socket_(std::make_unique<Socket>(io, std::move(socket))),
      handshake_(std::move(secret)) {}
Session::~Session() = default;

// Reading.

void Session::read() {
  const auto space = frames_.space();
  socket_->async_read_some(
      asio::buffer(space.data(), space.size()),
      [self = shared_from_this()](const auto& error, std::size_t count) {
        if (self->closed_) return;
        if (error)
          self->close(error == asio::error::eof ? "the connection was closed" : error.message());
        else
          self->on_read(count);
        self->host_.finish_turn();
      });
}

void Session::on_read(std::size_t count) {
  // The handshake timeout starts when the connection is accepted; bytes received during the
  // handshake do not extend it.
  if (is_member()) last_received_ = host_.now();
  frames_.filled(count);
  handle_frames();
}

void Session::handle_frames() {
  try {
    while (!closed_ && !refused_) {
      paused_ = out_.size() > kMaxUnsentBytes;
      if (paused_) return;
      const auto frame = frames_.next();
      if (!frame) return read();
      handle_frame(*frame);
    }
  } catch (const Error& error) {
    // After a malformed frame, the frame boundaries in the rest of the stream are unknown.
    refuse(error.code(), text_without_location(error));
  } catch (const std::exception& error) {
    // Out of memory: closes only this connection.
    close(fmt::format("the store could not execute the client's request ({})", error.what()));
  }
}

void Session::handle_frame(const Frame& frame) {
  if (is_member())
    handle_request(frame);
  else
    handle_handshake(frame);
}

void Session::handle_handshake(const Frame& frame) {
  try {
    if (const auto challenge = handshake_.accept(frame))
      return queue(Kind::challenge, 0, *challenge);
    state_ = &host_.admit(*this);
    last_received_ = host_.now();
    frames_.set_max_body(kMaxFrameBytes);
    queue(Kind::welcome, 0, encode_welcome(host_.welcome()));
  } catch (const Error& error) {
    refuse(error.code(), text_without_location(error));
  }
}

void Session::handle_request(const Frame& frame) {
  ++pending_requests_;
  const Ticket ticket{id_, frame.id};
  Request& request = host_.request();
  try {
    decode(frame, request);
    require(pending_requests_ <= kMaxPendingRequests, Errc::exhausted,
            "{} requests of this connection are pending; the limit is {}", pending_requests_ - 1,
            kMaxPendingRequests);
  } catch (const Error& error) {
    return reply(frame.id, encode_failure(error.code(), text_without_location(error)));
  }
  state_->handle(ticket, request, host_.now());
}

void Session::refuse(Errc code, const std::string& text) {
  refused_ = true;
  queue(Kind::refusal, 0, encode_refusal(code, text));
}

// Writing.

void Session::queue(Kind kind, std::uint64_t id, std::string_view body) {
  append_frame(out_, kind, id, body);
  if (!flush_scheduled_) host_.schedule_flush(*this);
  flush_scheduled_ = true;
}

void Session::reply(std::uint64_t request, std::string_view body) {
  queue(Kind::reply, request, body);
  --pending_requests_;
}

void Session::flush() {
  flush_scheduled_ = false;
  if (closed_ || awaiting_writable_) return;
  std::size_t sent = 0;
  while (sent < out_.size()) {
    boost::system::error_code error;
    sent +=
        socket_->send(asio::buffer(out_.data() + sent, out_.size() - sent), MSG_NOSIGNAL, error);
    if (error == asio::error::would_block) break;
    if (error && error != asio::error::interrupted) return close(error.message());
  }
  out_.erase(0, sent);
  if (out_.empty()) {
    if (out_.capacity() > kMaxUnsentBytes) std::string().swap(out_);
    if (refused_) return close("refused");
    if (paused_) handle_frames();
    return;
  }
  awaiting_writable_ = true;
  socket_->async_wait(Socket::wait_write, [self = shared_from_this()](const auto&) {
    if (self->closed_) return;
    self->awaiting_writable_ = false;
    self->last_received_ = Clock::now();  // The client's host accepted data.
    self->flush();
    self->host_.finish_turn();
  });
}

// Ending.

void Session::check_liveness(Clock::time_point now) {
  const auto allowed = is_member() ? hello().liveness : kHandshakeTime;
  if (now - last_received_ <= allowed) return;
  // Unread data proves that the client is alive and that this thread was late.
  boost::system::error_code error;
  if (is_member() && !paused_ && socket_->available(error) > 0) return;
  close(fmt::format("nothing was received from this client for {}", seconds(now - last_received_)));
}

void Session::close(const std::string& reason) {
  if (std::exchange(closed_, true)) return;
  boost::system::error_code ignored;
  socket_->close(ignored);
  host_.remove_session(*this, state_, reason);
}

}  // namespace symmem::store
