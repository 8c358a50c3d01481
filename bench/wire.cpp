// SPDX-License-Identifier: Apache-2.0
#include "wire.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <thread>

#include "base/check.hpp"

namespace symmem::bench {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void set_no_delay(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Fd tcp_socket() {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) fail_errno(errno, "socket");
  return socket;
}

Fd listen_on(std::uint16_t port) {
  Fd socket = tcp_socket();
  const sockaddr_in address = loopback(port);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket.get(), 16) != 0)
    fail_errno(errno, "listen on loopback");
  return socket;
}

std::uint16_t port_of(int socket) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.sin_port);
}

void echo(int socket) {
  std::array<char, 64 << 10> bytes;
  ssize_t count = 0;
  while ((count = ::recv(socket, bytes.data(), bytes.size(), 0)) > 0)
    if (::send(socket, bytes.data(), static_cast<std::size_t>(count), MSG_NOSIGNAL) != count)
      return;
}

}  // namespace

Wire::Wire(std::uint16_t port) : socket_(tcp_socket()) {
  const sockaddr_in address = loopback(port);
  if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    fail_errno(errno, fmt::format("connect to port {}", port));
  set_no_delay(socket_.get());
}

Wire::Wire(Fd socket) : socket_(std::move(socket)) {
  ::fcntl(socket_.get(), F_SETFL, ::fcntl(socket_.get(), F_GETFL) & ~O_NONBLOCK);
}

void Wire::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) fail_errno(errno, "send");
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

std::string_view Wire::receive(std::size_t count) {
  buffer_.resize(count);
  for (std::size_t at = 0; at < count;) {
    const ssize_t got = ::recv(socket_.get(), buffer_.data() + at, count - at, 0);
    if (got <= 0) fail_errno(got == 0 ? ECONNRESET : errno, "receive");
    at += static_cast<std::size_t>(got);
  }
  return buffer_;
}

Fd listen_anywhere() {
  Fd socket = tcp_socket();
  if (::listen(socket.get(), 16) != 0) fail_errno(errno, "listen");  // Binds to a free port.
  return socket;
}

std::uint16_t port_of(const Fd& socket) { return port_of(socket.get()); }

Fd accept_one(const Fd& listening) {
  Fd socket(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!socket) fail_errno(errno, "accept");
  set_no_delay(socket.get());
  return socket;
}

Fd connect_to(const std::string& address, std::uint16_t port) {
  Fd socket = tcp_socket();
  sockaddr_in remote = loopback(port);
  ::inet_pton(AF_INET, address.c_str(), &remote.sin_addr);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&remote), sizeof remote) != 0)
    fail_errno(errno, fmt::format("connect to {} port {}", address, port));
  set_no_delay(socket.get());
  return socket;
}

std::uint16_t start_echo_server() {
  Fd listening = listen_on(0);
  const std::uint16_t port = port_of(listening.get());
  std::thread([listening = std::move(listening)] {
    while (true) {
      const Fd socket(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
      set_no_delay(socket.get());
      echo(socket.get());
    }
  }).detach();
  return port;
}

std::uint16_t free_port() { return port_of(listen_on(0).get()); }

}  // namespace symmem::bench
