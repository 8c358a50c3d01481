// SPDX-License-Identifier: Apache-2.0
#include "store/address.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>

#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/check.hpp"
#include "base/signal_mask.hpp"
#include "base/unique_handle.hpp"

namespace symmem::store {
namespace {

std::string without_brackets(const std::string& host) {
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  return bracketed ? host.substr(1, host.size() - 2) : host;
}

struct Resolution {
  int error = 0;
  std::vector<Address> addresses;
};

Resolution resolve_blocking(const std::string& host, const std::string& port, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* first = nullptr;
  Resolution resolution;
  resolution.error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &first);
  const UniqueHandle<addrinfo*, ::freeaddrinfo> list(first);
  for (const addrinfo* at = first; at; at = at->ai_next) {
    Address address;
    std::memcpy(&address.storage, at->ai_addr, at->ai_addrlen);
    address.length = at->ai_addrlen;
    resolution.addresses.push_back(address);
  }
  return resolution;
}

/// Runs getaddrinfo in a detached thread, because getaddrinfo has no deadline, and waits until
/// `deadline`.
Resolution resolve_in_thread(const Deadline& deadline, const std::string& host,
                             const std::string& port) {
  struct Shared {
    std::mutex mutex;
    std::condition_variable done;
    std::optional<Resolution> resolution;
  };
  const auto shared = std::make_shared<Shared>();
  const AllSignalsBlocked blocked;
  try {
    std::thread([shared, host, port] {
      pthread_setname_np(pthread_self(), "symmem-resolve");
      Resolution resolution = resolve_blocking(host, port, 0);
      const std::lock_guard lock(shared->mutex);
      shared->resolution = std::move(resolution);
      shared->done.notify_one();
    }).detach();
  } catch (const std::system_error& e) {
    fail(Errc::exhausted, "cannot start a thread to resolve host {}: {}", host, e.what());
  }
  std::unique_lock lock(shared->mutex);
  const bool in_time = shared->done.wait_until(lock, deadline.when(),
                                               [&] { return shared->resolution.has_value(); });
  require(in_time, Errc::timeout, "host {} was not resolved within {:.3f} s", host,
          deadline.elapsed_seconds());
  return std::move(*shared->resolution);
}

}  // namespace

bool Address::is_loopback() const {
  if (family() == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    return (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

std::uint16_t Address::port() const {
  return ntohs(family() == AF_INET ? reinterpret_cast<const sockaddr_in&>(storage).sin_port
                                   : reinterpret_cast<const sockaddr_in6&>(storage).sin6_port);
}

Address Address::with_port(std::uint16_t port) const {
  Address other = *this;
  if (family() == AF_INET)
    reinterpret_cast<sockaddr_in&>(other.storage).sin_port = htons(port);
  else
    reinterpret_cast<sockaddr_in6&>(other.storage).sin6_port = htons(port);
  return other;
}

std::vector<Address> resolve(const std::string& host, std::uint16_t port,
                             const Deadline& deadline) {
  const std::string name = without_brackets(host);
  require(!name.empty() && name.find('\0') == std::string::npos, Errc::invalid_argument,
          "the store's host is empty or contains a null byte");
  Resolution resolution = resolve_blocking(name, std::to_string(port), AI_NUMERICHOST);
  if (resolution.error == EAI_NONAME)
    resolution = resolve_in_thread(deadline, name, std::to_string(port));
  require(resolution.error == 0 && !resolution.addresses.empty(), Errc::invalid_argument,
          "host {} cannot be resolved: {}", name, ::gai_strerror(resolution.error));
  return std::move(resolution.addresses);
}

void check_ports(const TcpStoreOptions& options) {
  const int most = options.port == 0 ? 1 : 65'536 - options.port;
  require(options.port_count >= 1 && options.port_count <= most, Errc::invalid_argument,
          "port_count is {} for port {}; it must be 1 to {}", options.port_count, options.port,
          most);
}

std::string url_of(const std::string& host, std::uint16_t port) {
  const std::string name = without_brackets(host);
  const bool v6 = name.find(':') != std::string::npos;
  return fmt::format("tcp://{}{}{}:{}", v6 ? "[" : "", name, v6 ? "]" : "", port);
}

}  // namespace symmem::store
