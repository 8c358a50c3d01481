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

/// The first and the longest time limit of an attempt at one of several ports. The limit grows, so
/// that neither a silent program on one port nor a slow network prevents the connection.
constexpr std::chrono::milliseconds kFirstPortTime{500}, kLongestPortTime{8'000};
/// The last attempt begins when this much time remains.
constexpr std::chrono::milliseconds kLastAttemptTime{20};

/// A failure after which connect() retries: no server listens yet, or the connection broke.
class Retryable : public std::exception {
 public:
  explicit Retryable(std::string reason) : reason_(std::move(reason)) {}
  const char* what() const noexcept override { return reason_.c_str(); }

 private:
  std::string reason_;
};

[[noreturn]] void fail_retryable(int error) {
  throw Retryable(std::generic_category().message(error));
}

/// Waits until one of `sockets` has an event. Returns false after the deadline.
bool poll_until(std::vector<pollfd>& sockets, const Deadline& deadline) {
  while (true) {
    const int count = ::poll(sockets.data(), sockets.size(), deadline.remaining_for_poll());
    if (count > 0) return true;
    if (count < 0 && errno != EINTR) fail_errno(errno, "poll");
    if (count == 0 && deadline.expired()) return false;
  }
}

/// Detects a TCP self-connection: the kernel may choose the target port as the local port if no
/// server listens on it yet.
bool connected_to_itself(int socket) {
  Address here, there;
  here.length = there.length = sizeof(sockaddr_storage);
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&here.storage), &here.length);
  ::getpeername(socket, reinterpret_cast<sockaddr*>(&there.storage), &there.length);
  return here.length == there.length &&
         std::memcmp(&here.storage, &there.storage, here.length) == 0;
}

/// Connects to all addresses at once and returns the first connection.
Fd connect_any(const std::vector<Address>& addresses, const Deadline& deadline) {
  std::vector<Fd> sockets;
  std::vector<pollfd> waiting;
  int error = ECONNREFUSED;
  for (const Address& address : addresses) {
    Fd socket(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket && errno == EAFNOSUPPORT) continue;  // The host does not support this family.
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
    if (!poll_until(waiting, deadline)) fail_retryable(ETIMEDOUT);
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
  fail_retryable(error);
}

void send_frame(int socket, Kind kind, std::string_view body) {
  std::string bytes;
  append_frame(bytes, kind, 0, body);
  // These bytes fit into the send buffer of a new connection, so a partial send is a failure.
  const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent < 0) fail_retryable(errno);
  if (static_cast<std::size_t>(sent) != bytes.size()) fail_retryable(ENOBUFS);
}

Frame receive_frame(int socket, FrameReader& frames, const Deadline& deadline) {
  while (true) {
    if (const auto frame = frames.next()) return *frame;
    std::vector<pollfd> waiting{{socket, POLLIN, 0}};
    if (!poll_until(waiting, deadline))
      throw Retryable("connected, but the handshake was not answered in time");
    const auto space = frames.space();
    const ssize_t count = ::recv(socket, space.data(), space.size(), 0);
    if (count == 0) throw Retryable("connection closed during the handshake");
    if (count > 0)
      frames.filled(static_cast<std::size_t>(count));
    else if (errno != EAGAIN && errno != EINTR)
      fail_retryable(errno);
  }
}

Connected authenticate(Fd socket, const ClientHandshake& handshake, const Deadline& deadline) {
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
    return authenticate(std::move(socket), handshake, deadline);
  } catch (const Error& error) {
    if (error.code() != Errc::invalid_argument) throw;
    // The received bytes are not a frame or not a handshake message.
    fail(Errc::refused, "{} is not a symmem store: {}", url, error.what());
  }
}

/// Returns the addresses of the store's host. If the name does not resolve, returns no address and
/// sets `reason`, because the host may still be starting.
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
  require(options.port != 0, Errc::invalid_argument, "{}: cannot connect to port 0",
          url_of(options.host, options.port));
  check_ports(options);
  std::optional<Error> refusal;
  std::string last;
  auto port_time = kFirstPortTime;
  for (auto pause = std::chrono::milliseconds(5);;
       pause = std::min(2 * pause, std::chrono::milliseconds(500))) {
    const std::vector<Address> addresses = resolve_now(options, deadline, last);
    for (int i = 0; i < options.port_count && !addresses.empty(); ++i) {
      try {
        return attempt(options, static_cast<std::uint16_t>(options.port + i), addresses, process,
                       options.port_count == 1 ? deadline : deadline.or_sooner(port_time));
      } catch (const Retryable& reason) {
        last = reason.what();
      } catch (const Error& error) {
        if (options.port_count == 1) throw;
        refusal = error;
      }
    }
    port_time = std::min(2 * port_time, kLongestPortTime);
    if (deadline.remaining() <= kLastAttemptTime) break;
    // The process's random id spreads the attempts of thousands of ranks over time.
    const auto jitter =
        std::chrono::milliseconds(process.id % (static_cast<std::uint64_t>(pause.count()) / 2 + 1));
    const auto most = deadline.remaining() - kLastAttemptTime;
    ::poll(nullptr, 0, static_cast<int>(std::min(pause - jitter, most).count()));
  }
  if (refusal) throw *refusal;
  fail(Errc::timeout,
       "no store answered at {}{} within {:.3f} s ({}); check that the store runs at this address",
       url_of(options.host, options.port),
       options.port_count == 1 ? "" : fmt::format(" and the next {} ports", options.port_count - 1),
       deadline.elapsed_seconds(), last);
}

}  // namespace symmem::store
