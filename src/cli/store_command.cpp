// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <signal.h>

#include <cstdio>

#include "base/check.hpp"
#include "base/host.hpp"
#include "base/parse.hpp"
#include "cli/commands.hpp"
#include "context/builtin.hpp"
#include "context/join.hpp"
#include "options/options.hpp"
#include "process/signal_fd.hpp"
#include "symmem/key_value_store.hpp"

namespace symmem::cli {
namespace {

/// Returns the URL for the ranks. It contains the name of this host if the server listens on all
/// addresses.
std::string url_for_ranks(const StoreServer& server) {
  const std::string url = server.url();
  const StoreUrl place = parse_store_url(url).value();
  if (place.host != "0.0.0.0" && place.host != "::") return url;
  return fmt::format("tcp://{}:{}", host_name(), place.port);
}

}  // namespace

int store(const StoreCommand& command) {
  const auto port = parse_whole(command.port, 0, 65535);
  require(port.has_value(), Errc::invalid_argument,
          "--port {} is not a whole number from 0 to 65535", in_quotes(command.port));
  // Create the SignalFd before the thread of the server starts, so that this thread inherits the
  // mask.
  const SignalFd signals{SIGINT, SIGTERM, SIGHUP};
  Options options = read_options(process_environment());
  if (!command.secret_file.empty()) options.secret_file = command.secret_file;
  TcpStoreOptions place;
  place.host = command.host;
  place.port = static_cast<std::uint16_t>(*port);
  place.secret = store_secret(options);
  place.insecure = command.insecure || options.insecure;
  place.liveness = options.liveness;
  const StoreServer server(place, StoreServer::Serves::any_job);
  fmt::print("SYMMEM_STORE={}\n", url_for_ranks(server));
  std::fflush(stdout);
  const int number = signals.wait();
  fmt::print(stderr, "symmem: signal {} (SIG{}) stops the store\n", number, ::sigabbrev_np(number));
  return 0;
}

}  // namespace symmem::cli
