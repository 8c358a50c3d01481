// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <signal.h>

#include <cstdio>
#include <optional>

#include "base/check.hpp"
#include "base/parse.hpp"
#include "base/random.hpp"
#include "cli/commands.hpp"
#include "cli/host_network.hpp"
#include "cli/rank_assignment.hpp"
#include "context/builtin.hpp"
#include "context/join.hpp"
#include "options/options.hpp"
#include "process/child_processes.hpp"
#include "symmem/key_value_store.hpp"

namespace symmem::cli {
namespace {

/// Prints one line of a rank and flushes the stream, so that the line is not lost if this process
/// is killed.
void print_line(int rank, ChildStream stream, std::string_view line) {
  std::FILE* file = stream == ChildStream::output ? stdout : stderr;
  fmt::print(file, "[{}] {}\n", rank, line);
  std::fflush(file);
}

/// The numbers of ranks and of hosts.
struct JobSize {
  int ranks = 1;
  int hosts = 1;
};

int read_count(const char* name, const std::string& text, int max) {
  const auto count = parse_whole(text, 1, max);
  require(count.has_value(), Errc::invalid_argument, "{} {} is not a whole number from 1 to {}",
          name, in_quotes(text), max);
  return static_cast<int>(*count);
}

JobSize read_size(const RunCommand& command) {
  JobSize size{read_count("--ranks", command.ranks, kMaxRanks)};
  if (!command.nodes) return size;
  size.hosts = read_count("--nodes", *command.nodes, kMaxRanks);
  require(size.hosts <= size.ranks, Errc::invalid_argument,
          "--nodes {} is more than --ranks {}: each simulated host needs a rank", size.hosts,
          size.ranks);
  require(!command.namespaces || size.hosts <= HostNetwork::kMaxHosts, Errc::invalid_argument,
          "--nodes {} is more than {}, the number of hosts that --netns supports", size.hosts,
          HostNetwork::kMaxHosts);
  return size;
}

/// The settings and the server of the job's store.
struct HostedStore {
  TcpStoreOptions place;
  std::optional<StoreServer> server;
  std::string url() const { return server->url() + "/" + place.job; }
};

/// Starts a store on loopback or, with a simulated network, on the address of the bridge.
HostedStore serve(const std::optional<HostNetwork>& network) {
  const Options options = read_options(process_environment());
  HostedStore store;
  store.place.job = to_hex(random_bytes(8));
  store.place.secret = store_secret(options);
  store.place.liveness = options.liveness;
  const auto start = [&] { store.server.emplace(store.place, StoreServer::Serves::any_job); };
  if (!network) {
    start();
    return store;
  }
  if (store.place.secret.empty()) store.place.secret = to_hex(random_bytes(16));
  store.place.host = HostNetwork::bridge_address();
  network->run_at_bridge(start);
  return store;
}

/// Returns the environment variables that are equal for all ranks.
Environment job_environment(const RunCommand& command, const JobSize& size,
                            const HostedStore& store) {
  Environment environment = process_environment();
  environment["SYMMEM_WORLD_SIZE"] = std::to_string(size.ranks);
  environment["SYMMEM_STORE"] = store.url();
  // The ranks read SYMMEM_SECRET_FILE themselves.
  if (command.namespaces && value_of(environment, "SYMMEM_SECRET_FILE").empty())
    environment["SYMMEM_SECRET"] = store.place.secret;
  return environment;
}

/// Warns about environment variables of this process that `symmem run` overrides for each rank.
void warn_of_overrides(const RunCommand& command) {
  const Environment environment = process_environment();
  std::vector<const char*> overridden{"SYMMEM_STORE", "SYMMEM_RANK", "SYMMEM_WORLD_SIZE"};
  if (command.nodes) overridden.push_back("SYMMEM_HOST_ID");
  for (const char* name : overridden)
    if (!value_of(environment, name).empty())
      fmt::print(stderr, "symmem: warning: {} is set, but symmem run overrides it for each rank\n",
                 name);
}

/// Starts each rank on its host.
void start_ranks(ChildProcesses& children, const RunCommand& command, const JobSize& size,
                 const std::optional<HostNetwork>& network, const HostedStore& store) {
  const Environment environment = job_environment(command, size, store);
  for (int rank = 0; rank < size.ranks; ++rank) {
    const RankAssignment place = assign_rank(rank, size.ranks, size.hosts);
    ChildCommand child{command.words, environment};
    child.environment["SYMMEM_RANK"] = std::to_string(rank);
    child.environment["SYMMEM_LOCAL_RANK"] = std::to_string(place.local_rank);
    if (command.nodes)
      child.environment["SYMMEM_HOST_ID"] = fmt::format("node{}-{}", place.host, store.place.job);
    if (network) child.network_namespace = network->namespace_of(place.host);
    children.start(child);
  }
}

/// Prints how the job ended and returns the exit code.
int report_end(const JobEnd& job, const ChildProcesses& children, const RunCommand& command) {
  switch (job.cause) {
    case JobEnd::Cause::all_succeeded: return 0;
    case JobEnd::Cause::child_failed: {
      const ChildEnd end = children.end(job.child).value();
      fmt::print(stderr, "symmem: rank {} (pid {}) {}{}\n", job.child, children.pid(job.child),
                 end.text(), children.count() > 1 ? "; the other ranks were stopped" : "");
      return end.shell_code();
    }
    case JobEnd::Cause::deadline:
      fmt::print(stderr, "symmem: ranks {} still ran after {} and were stopped\n",
                 fmt::join(job.unfinished, ", "), command.timeout);
      return kTimedOut;
    case JobEnd::Cause::signal:
      fmt::print(stderr, "symmem: signal {} (SIG{}) stopped the ranks\n", job.signal,
                 ::sigabbrev_np(job.signal));
      return 128 + job.signal;
  }
  return kFailed;
}

}  // namespace

int run(const RunCommand& command) {
  require(!command.words.empty(), Errc::invalid_argument,
          "no program was given: symmem run -n N program [arguments]");
  const JobSize size = read_size(command);
  const auto timeout = parse_time(command.timeout);
  require(timeout && timeout->count() > 0, Errc::invalid_argument,
          "--timeout {} is not a time such as 500ms, 30s, 2m", in_quotes(command.timeout));
  // Create the SignalFd before the thread of the store starts, so that this thread inherits the
  // mask.
  const SignalFd signals{SIGINT, SIGTERM, SIGHUP};
  std::optional<HostNetwork> network;
  if (command.namespaces) network.emplace(size.hosts);
  warn_of_overrides(command);
  const HostedStore store = serve(network);
  ChildProcesses children(print_line);
  try {
    start_ranks(children, command, size, network, store);
  } catch (const Error& error) {
    fmt::print(stderr, "symmem: {}\n", error.what());
    return kNotStarted;
  }
  const JobEnd job = children.wait_all(Deadline::in(timeout, {}), &signals);
  return report_end(job, children, command);
}

}  // namespace symmem::cli
