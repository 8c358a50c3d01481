// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

#include "base/check.hpp"
#include "base/event_loop.hpp"
#include "base/fork.hpp"
#include "store/address.hpp"
#include "store/server.hpp"

namespace symmem {
namespace {

/// Listens at the first address of the host. Returns an empty descriptor if the port is in use and
/// another port can be tried.
Fd listen_on(const TcpStoreOptions& options) {
  const store::Address address =
      store::resolve(options.host, options.port, Deadline::in(options.timeout, {}))[0];
  const std::string url = store::url_of(options.host, options.port);
  require(address.is_loopback() || !options.secret.empty() || options.insecure, Errc::refused,
          "a store at {} is reachable from other hosts and has no secret: set SYMMEM_SECRET_FILE, "
          "or SYMMEM_INSECURE=1 on a network without other users",
          url);
  Fd socket(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) fail_errno(errno, "socket for the store's server");
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool bound =
      ::bind(socket.get(), address.get(), address.length) == 0 && ::listen(socket.get(), 4096) == 0;
  if (!bound && errno == EADDRINUSE && options.port_count > 1) return Fd();
  require(bound, Errc::invalid_argument, "cannot listen at {}: {}{}", url,
          errno == EADDRINUSE ? fmt::format("port {} is in use: ", options.port)
          : errno == EADDRNOTAVAIL
              ? fmt::format("{} is not an address of this host: ", options.host)
              : "",
          std::generic_category().message(errno));
  return socket;
}

Fd listen_on_first_free(TcpStoreOptions options) {
  while (true) {
    if (Fd socket = listen_on(options)) return socket;
    ++options.port;
    --options.port_count;
  }
}

std::uint16_t bound_port(int socket) {
  store::Address address;
  address.length = sizeof address.storage;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address.storage), &address.length);
  return address.port();
}

}  // namespace

class StoreServer::Impl {
 public:
  Impl(const TcpStoreOptions& options, Serves serves) : host(options.host) {
    store::check_ports(options);
    Fd socket = listen_on_first_free(options);
    port = bound_port(socket.get());
    server = std::make_unique<store::Server>(loop.io(), std::move(socket), options, serves);
    loop.run([this] {
      try {
        server->start();
      } catch (...) {
        server->close();
        throw;
      }
    });
  }
  ~Impl() {
    loop.run([this] { server->close(); });
  }

  const ForkGuard fork;
  const std::string host;
  std::uint16_t port = 0;
  std::unique_ptr<store::Server> server;  // Outlives the loop, whose handlers use the server.
  EventLoop loop;
};

StoreServer::StoreServer(const TcpStoreOptions& options, Serves serves)
    : impl_(std::make_unique<Impl>(options, serves)) {}
StoreServer::~StoreServer() {
  // A forked child has no thread to stop and must not close the parent's sockets.
  if (impl_ && impl_->fork.forked()) static_cast<void>(impl_.release());
}
StoreServer::StoreServer(StoreServer&&) noexcept = default;
StoreServer& StoreServer::operator=(StoreServer&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

std::uint16_t StoreServer::port() const { return impl_->port; }
std::string StoreServer::url() const { return store::url_of(impl_->host, impl_->port); }
bool StoreServer::wait_until_left(std::chrono::milliseconds timeout, std::uint64_t except) {
  return impl_->server->wait_until_left(timeout, except);
}

}  // namespace symmem
