// SPDX-License-Identifier: Apache-2.0
#include "store/session.hpp"

#include <utility>  // Asio 1.74 uses std::exchange without including it.

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "base/check.hpp"
#include "base/error_location.hpp"
#include "store/names.hpp"
#include "store/server.hpp"

namespace symmem::store {
namespace asio = boost::asio;

struct Session::Socket : asio::ip::tcp::socket {
  // The address family is for Asio's own use when it opens sockets; this one is open.
  Socket(asio::io_context& io, Fd fd) : asio::ip::tcp::socket(io, asio::ip::tcp::v4(), fd.get()) {
    fd.release();
    non_blocking(true);
  }
};

Session::Session(std::shared_ptr<Server> server, ClientId id, asio::io_context& io, Fd socket,
                 std::string secret)
    : server_(std::move(server)),
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
          self->close(error == asio::error::eof ? "its connection was closed" : error.message());
        else
          self->on_read(count);
        self->server_->settle();
      });
}

void Session::on_read(std::size_t count) {
  // A stranger's time runs from its connection: bytes that trickle in do not prolong it.
  if (is_member()) heard_ = server_->now();
  frames_.filled(count);
  take_frames();
}

void Session::take_frames() {
  try {
    while (!closed_ && !refused_) {
      paused_ = out_.size() > kMaxUnsentBytes;
      if (paused_) return;
      const auto frame = frames_.next();
      if (!frame) return read();
      take(*frame);
    }
  } catch (const Error& error) {
    // What follows cannot be told apart into frames.
    refuse(error.code(), text_without_location(error));
  } catch (const std::exception& error) {
    // Out of memory: the end of this connection, not of the server.
    close(fmt::format("the store could not carry out its request ({})", error.what()));
  }
}

void Session::take(const Frame& frame) {
  if (is_member())
    take_request(frame);
  else
    take_handshake(frame);
}

void Session::take_handshake(const Frame& frame) {
  try {
    if (const auto challenge = handshake_.take(frame)) return queue(Kind::challenge, 0, *challenge);
    state_ = &server_->admit(*this);
    heard_ = server_->now();
    frames_.set_max_body(kMaxFrameBytes);
    queue(Kind::welcome, 0, encode_welcome(server_->welcome()));
  } catch (const Error& error) {
    refuse(error.code(), text_without_location(error));
  }
}

void Session::take_request(const Frame& frame) {
  ++waiting_;
  const Ticket ticket{id_, frame.id};
  Request& request = server_->request();
  try {
    decode(frame, request);
    require(waiting_ <= kMaxWaiting, Errc::exhausted,
            "{} requests of this connection wait for a reply; at most {}", waiting_ - 1,
            kMaxWaiting);
  } catch (const Error& error) {
    return server_->reply(ticket, encode_failure(error.code(), text_without_location(error)));
  }
  state_->handle(ticket, request, server_->now());
}

void Session::refuse(Errc code, const std::string& text) {
  refused_ = true;
  queue(Kind::refusal, 0, encode_refusal(code, text));
}

// Writing.

void Session::queue(Kind kind, std::uint64_t id, std::string_view body) {
  append_frame(out_, kind, id, body);
  if (!dirty_) server_->flush_later(*this);
  dirty_ = true;
}

void Session::flush() {
  dirty_ = false;
  if (closed_ || writing_) return;
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
    if (paused_) take_frames();
    return;
  }
  writing_ = true;
  socket_->async_wait(Socket::wait_write, [self = shared_from_this()](const auto&) {
    if (self->closed_) return;
    self->writing_ = false;
    self->heard_ = Clock::now();  // It took something, so it lives.
    self->flush();
    self->server_->settle();
  });
}

// Ending.

void Session::check_life(Clock::time_point now) {
  const auto allowed = is_member() ? hello().liveness : kHandshakeTime;
  if (now - heard_ <= allowed) return;
  // A server that was held up itself has not read yet what lies there.
  boost::system::error_code error;
  if (is_member() && !paused_ && socket_->available(error) > 0) return;
  close(fmt::format("nothing was heard from it for {}", seconds(now - heard_)));
}

void Session::close(const std::string& reason) {
  if (std::exchange(closed_, true)) return;
  boost::system::error_code ignored;
  socket_->close(ignored);
  server_->forget(*this, state_, reason);
}

}  // namespace symmem::store
