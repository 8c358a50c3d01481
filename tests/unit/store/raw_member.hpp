// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <memory>
#include <optional>
#include <string>

#include "base/unique_handle.hpp"
#include "store/connect.hpp"
#include "store/frame.hpp"
#include "store/limits.hpp"
#include "store/message.hpp"
#include "stores.hpp"

namespace symmem {

/// A TCP connection to 127.0.0.1 through which a test sends arbitrary bytes.
class RawSocket {
 public:
  explicit RawSocket(std::uint16_t port)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  explicit RawSocket(Fd socket) : socket_(std::move(socket)) {}

  /// Returns false once the peer has closed the connection.
  bool send(const std::string& bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t count =
          ::send(socket_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) return false;
      sent += static_cast<std::size_t>(count);
    }
    return true;
  }
  /// Receives up to 64 KiB. Returns an empty string if the peer has closed the connection.
  std::string receive() {
    pollfd waiting{socket_.get(), POLLIN, 0};
    REQUIRE(::poll(&waiting, 1, std::chrono::milliseconds(kAmple).count()) == 1);
    std::string bytes(64 << 10, '\0');
    const ssize_t count = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return bytes;
  }
  /// Receives until the peer closes the connection.
  std::string receive_all() {
    std::string all;
    for (std::string some = receive(); !some.empty(); some = receive()) all += some;
    return all;
  }
  int fd() const { return socket_.get(); }
  void close() { socket_ = Fd(); }

 private:
  Fd socket_;
};

/// An authenticated client through which a test sends arbitrary frames.
class RawMember {
 public:
  explicit RawMember(const StoreServer& server)
      : connected_(
            store::connect(options_for(server), process_of(9), Deadline::in(kAmple, kAmple))),
        socket_(std::move(connected_.socket)) {}

  bool send(store::Kind kind, const std::string& body, std::uint64_t id = 1) {
    std::string bytes;
    store::append_frame(bytes, kind, id, body);
    return socket_.send(bytes);
  }
  /// Returns the body of the next frame, or nullopt if the server has closed the connection.
  std::optional<std::string> receive() {
    while (true) {
      if (const auto frame = connected_.frames.next()) return std::string(frame->body);
      const std::string bytes = socket_.receive();
      if (bytes.empty()) return std::nullopt;
      for (std::size_t at = 0; at < bytes.size();) {
        const auto room = connected_.frames.space();
        const std::size_t count = bytes.copy(room.data(), room.size(), at);
        connected_.frames.filled(count);
        at += count;
      }
    }
  }
  RawSocket& socket() { return socket_; }
  void close() { socket_.close(); }

 private:
  store::Connected connected_;
  RawSocket socket_;
};

}  // namespace symmem
