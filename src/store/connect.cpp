// SPDX-License-Identifier: Apache-2.0
#include "store/connect.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/check.hpp"
#include "store/address.hpp"
#include "store/handshake.hpp"
#include "store/limits.hpp"

namespace symmem::store {
namespace {

/// How long one of several ports is tried at first, and at most: a mute program at one port must
/// not keep us from the next, nor a slow network from any.
constexpr std::chrono::milliseconds kTryPort{500}, kTryPortLongest{8'000};
/// Left of the time when a peer that comes late is tried for the last time.
constexpr std::chrono::milliseconds kLastTry{20};

/// Nobody there yet, or gone again: worth another try.
class NotYet : public std::exception {
 public:
  explicit NotYet(std::string reason) : reason_(std::move(reason)) {}
  const char* what() const noexcept override { return reason_.c_str(); }

 private:
  std::string reason_;
};

[[noreturn]] void not_yet(int error) { throw NotYet(std::generic_category().message(error)); }

/// Waits until one of `sockets` has an event; false if the deadline passed first.
bool wait_for(std::vector<pollfd>& sockets, const Deadline& deadline) {
  while (true) {
    const int count = ::poll(sockets.data(), sockets.size(), deadline.remaining_for_poll());
    if (count > 0) return true;
    if (count < 0 && errno != EINTR) fail_errno(errno, "poll");
    if (count == 0 && deadline.expired()) return false;
  }
}

/// A port picked for our end may be the very port that nobody listens on yet: TCP then connects the
/// socket to itself.
bool connected_to_itself(int socket) {
  Address here, there;
  here.length = there.length = sizeof(sockaddr_storage);
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&here.storage), &here.length);
  ::getpeername(socket, reinterpret_cast<sockaddr*>(&there.storage), &there.length);
  return here.length == there.length &&
         std::memcmp(&here.storage, &there.storage, here.length) == 0;
}

/// Connects to all addresses at once; the first that answers wins.
Fd connect_any(const std::vector<Address>& addresses, const Deadline& deadline) {
  std::vector<Fd> sockets;
  std::vector<pollfd> waiting;
  int error = ECONNREFUSED;
  for (const Address& address : addresses) {
    Fd socket(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket && errno == EAFNOSUPPORT) continue;  // A host without IPv6.
    if (!socket) fail_errno(errno, "socket for the store");
    if (::connect(socket.get(), address.get(), address.length) != 0 && errno != EINPROGRESS &&
        errno != EINTR) {
      error = errno;
      continue;
    }
    waiting.push_back({socket.get(), POLLOUT, 0});
    sockets.push_back(std::move(socket));
  }
  while (!sockets.empty()) {
    if (!wait_for(waiting, deadline)) not_yet(ETIMEDOUT);
    for (std::size_t i = sockets.size(); i-- > 0;) {
      if (waiting[i].revents == 0) continue;
      socklen_t length = sizeof error;
      ::getsockopt(sockets[i].get(), SOL_SOCKET, SO_ERROR, &error, &length);
      if (error == 0 && connected_to_itself(sockets[i].get())) error = ECONNREFUSED;
      if (error == 0) return std::move(sockets[i]);
      sockets.erase(sockets.begin() + static_cast<std::ptrdiff_t>(i));
      waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  not_yet(error);
}

void send_frame(int socket, Kind kind, std::string_view body) {
  std::string bytes;
  append_frame(bytes, kind, 0, body);
  // A fresh connection takes these few bytes at once, or it is gone.
  const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent < 0) not_yet(errno);
  if (static_cast<std::size_t>(sent) != bytes.size()) not_yet(ENOBUFS);
}

Frame receive_frame(int socket, FrameReader& frames, const Deadline& deadline) {
  while (true) {
    if (const auto frame = frames.next()) return *frame;
    std::vector<pollfd> waiting{{socket, POLLIN, 0}};
    if (!wait_for(waiting, deadline)) throw NotYet("connected, but no answer to our hello");
    const auto space = frames.space();
    const ssize_t count = ::recv(socket, space.data(), space.size(), 0);
    if (count == 0) throw NotYet("connection closed during the handshake");
    if (count > 0)
      frames.filled(static_cast<std::size_t>(count));
    else if (errno != EAGAIN && errno != EINTR)
      not_yet(errno);
  }
}

Connected shake_hands(Fd socket, const ClientHandshake& handshake, const Deadline& deadline) {
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  Connected connected{std::move(socket), FrameReader(kMaxHandshakeBytes), {}};
  const int fd = connected.socket.get();
  send_frame(fd, Kind::hello, handshake.hello());
  send_frame(fd, Kind::proof, handshake.answer(receive_frame(fd, connected.frames, deadline)));
  connected.welcome = handshake.finish(receive_frame(fd, connected.frames, deadline));
  connected.frames.set_max_body(kMaxFrameBytes);
  return connected;
}

Connected attempt(const TcpStoreOptions& options, std::uint16_t port,
                  std::vector<Address> addresses, const Process& process,
                  const Deadline& deadline) {
  const std::string url = url_of(options.host, port);
  const ClientHandshake handshake({options.job, process, options.liveness}, options.secret, url);
  for (Address& address : addresses) address = address.with_port(port);
  Fd socket = connect_any(addresses, deadline);
  try {
    return shake_hands(std::move(socket), handshake, deadline);
  } catch (const Error& error) {
    if (error.code() != Errc::invalid_argument) throw;
    // What its bytes are is no frame, or no message of ours.
    fail(Errc::refused, "{} is not a symmem store: {}", url, error.what());
  }
}

/// The addresses of the store's host; none, with the reason, while its name is not known: the host
/// may still be starting.
std::vector<Address> resolve_now(const TcpStoreOptions& options, const Deadline& deadline,
                                 std::string& reason) {
  try {
    return resolve(options.host, options.port, deadline);
  } catch (const Error& error) {
    if (error.code() == Errc::exhausted) throw;
    reason = error.what();
    return {};
  }
}

}  // namespace

Connected connect(const TcpStoreOptions& options, const Process& process,
                  const Deadline& deadline) {
  require(options.port != 0, Errc::invalid_argument, "{}: port 0 is no port to connect to",
          url_of(options.host, options.port));
  check_ports(options);
  std::optional<Error> refusal;
  std::string last;
  auto try_port = kTryPort;
  for (auto pause = std::chrono::milliseconds(5);;
       pause = std::min(2 * pause, std::chrono::milliseconds(500))) {
    const std::vector<Address> addresses = resolve_now(options, deadline, last);
    for (int i = 0; i < options.port_count && !addresses.empty(); ++i) {
      try {
        return attempt(options, static_cast<std::uint16_t>(options.port + i), addresses, process,
                       options.port_count == 1 ? deadline : deadline.or_sooner(try_port));
      } catch (const NotYet& reason) {
        last = reason.what();
      } catch (const Error& error) {
        if (options.port_count == 1) throw;
        refusal = error;
      }
    }
    try_port = std::min(2 * try_port, kTryPortLongest);
    if (deadline.remaining() <= kLastTry) break;
    // The low bits of the process's id keep thousands of ranks from trying in step.
    const auto jitter =
        std::chrono::milliseconds(process.id % (static_cast<std::uint64_t>(pause.count()) / 2 + 1));
    const auto most = deadline.remaining() - kLastTry;
    ::poll(nullptr, 0, static_cast<int>(std::min(pause - jitter, most).count()));
  }
  if (refusal) throw *refusal;
  fail(Errc::timeout,
       "no store answered at {}{} within {:.3f} s ({}); is it up, is this its address?",
       url_of(options.host, options.port),
       options.port_count == 1 ? "" : fmt::format(" and the next {} ports", options.port_count - 1),
       deadline.elapsed_seconds(), last);
}

}  // namespace symmem::store
