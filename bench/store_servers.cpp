// SPDX-License-Identifier: Apache-2.0
#include "store_servers.hpp"

#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <sstream>

#include "base/check.hpp"
#include "base/deadline.hpp"
#include "wire.hpp"

namespace symmem::bench {

rlim_t raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

int serve(const std::string& host) {
  raise_descriptor_limit();
  TcpStoreOptions options;
  options.host = host;
  options.insecure = true;  // Only this machine connects.
  const StoreServer server(options, StoreServer::Serves::one_job);
  std::printf("%u %u\n", server.port(), start_echo_server());
  std::fflush(stdout);
  while (true) ::pause();
}

OurServer::OurServer(const std::string& host)
    : process({{"/proc/self/exe", "--serve", host}, process_environment()}) {
  pollfd waiting{process.output_fd(), POLLIN, 0};
  char line[64] = {};
  require(
      ::poll(&waiting, 1, 30'000) == 1 && ::read(process.output_fd(), line, sizeof line - 1) > 0,
      Errc::internal, "the server's process did not start");
  std::istringstream(line) >> port >> echo_port;
  require(echo_port != 0, Errc::internal, "the server's process printed no ports: {}", line);
}

TcpStoreOptions OurServer::options() const {
  TcpStoreOptions options;
  options.port = port;
  return options;
}

Redis::Redis()
    : port(free_port()),
      process({{"redis-server", "--port", std::to_string(port), "--bind", "127.0.0.1", "--save", "",
                "--appendonly", "no"},
               process_environment()}) {
  const Deadline deadline = Deadline::in(std::chrono::seconds(10), {});
  while (true) {
    try {
      Wire wire(port);
      return;
    } catch (const Error&) {
      if (deadline.expired()) throw;
      ::poll(nullptr, 0, 10);
    }
  }
}

}  // namespace symmem::bench
