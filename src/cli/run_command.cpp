// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <signal.h>

#include <cstdio>
#include <optional>

#include "base/check.hpp"
#include "process/child_processes.hpp"
#include "options/options.hpp"
#include "base/parse.hpp"
#include "base/random.hpp"
#include "cli/commands.hpp"
#include "cli/host_network.hpp"
#include "cli/rank_assignment.hpp"
#include "context/builtin.hpp"

namespace symmem::cli {
namespace {

/// Flushed, so that what a rank wrote is seen even if we are killed.
void print_line(int rank, ChildStream stream, std::string_view line) {
  std::FILE* file = stream == ChildStream::output ? stdout : stderr;
  fmt::print(file, "[{}] {}\n", rank, line);
  std::fflush(file);
}

/// How many ranks are on how many hosts.
struct Spread {
  int ranks = 1;
  int hosts = 1;
};

int read_count(const char* name, const std::string& text, int most) {
  const auto count = parse_whole(text, 1, most);
  require(count.has_value(), Errc::invalid_argument, "{} {} is no whole number from 1 to {}", name,
          in_quotes(text), most);
  return static_cast<int>(*count);
}

Spread read_spread(const RunCommand& command) {
  Spread spread{read_count("--ranks", command.ranks, kMostRanks)};
  if (!command.nodes) return spread;
  spread.hosts = read_count("--nodes", *command.nodes, kMostRanks);
  require(spread.hosts <= spread.ranks, Errc::invalid_argument,
          "--nodes {} is more than --ranks {}: each simulated host has one rank at least",
          spread.hosts, spread.ranks);
  require(!command.namespaces || spread.hosts <= HostNetwork::kMostHosts, Errc::invalid_argument,
          "--nodes {} is more than the {} that --netns has addresses for", spread.hosts,
          HostNetwork::kMostHosts);
  return spread;
}

/// The job's store, and how its ranks reach it.
struct JobStore {
  TcpStoreOptions place;
  std::optional<StoreServer> server;
  std::string url() const { return server->url() + "/" + place.job; }
};

/// On loopback, or where all simulated hosts reach it.
JobStore serve(const std::optional<HostNetwork>& network) {
  const Options options = read_options(process_environment());
  JobStore store;
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

/// What is alike for all ranks.
Environment job_environment(const RunCommand& command, const Spread& spread,
                            const JobStore& store) {
  Environment environment = process_environment();
  environment["SYMMEM_WORLD_SIZE"] = std::to_string(spread.ranks);
  environment["SYMMEM_STORE"] = store.url();
  // They read the file of a secret themselves.
  if (command.namespaces && value_of(environment, "SYMMEM_SECRET_FILE").empty())
    environment["SYMMEM_SECRET"] = store.place.secret;
  return environment;
}

/// The launcher's word goes before the environment's: said, lest somebody looks for why.
void warn_of_unused(const RunCommand& command) {
  const Environment environment = process_environment();
  std::vector<const char*> ours{"SYMMEM_STORE", "SYMMEM_RANK", "SYMMEM_WORLD_SIZE"};
  if (command.nodes) ours.push_back("SYMMEM_HOST_ID");
  for (const char* name : ours)
    if (!value_of(environment, name).empty())
      fmt::print(stderr, "symmem: warning: {} is set, but symmem run gives each rank its own\n",
                 name);
}

/// Starts the ranks, each at its place.
void start_ranks(ChildProcesses& children, const RunCommand& command, const Spread& spread,
                 const std::optional<HostNetwork>& network, const JobStore& store) {
  const Environment environment = job_environment(command, spread, store);
  for (int rank = 0; rank < spread.ranks; ++rank) {
    const RankAssignment place = place_of(rank, spread.ranks, spread.hosts);
    ChildCommand child{command.words, environment};
    child.environment["SYMMEM_RANK"] = std::to_string(rank);
    child.environment["SYMMEM_LOCAL_RANK"] = std::to_string(place.local_rank);
    if (command.nodes)
      child.environment["SYMMEM_HOST_ID"] = fmt::format("node{}-{}", place.host, store.place.job);
    if (network) child.network_namespace = network->namespace_of(place.host);
    children.start(child);
  }
}

/// Says how the job ended, and makes its exit code of that.
int conclude(const JobEnd& job, const ChildProcesses& children, const RunCommand& command) {
  switch (job.cause) {
    case JobEnd::Cause::all_succeeded: return 0;
    case JobEnd::Cause::child_failed: {
      const ChildEnd end = children.end(job.child).value();
      fmt::print(stderr, "symmem: rank {} (pid {}) {}{}\n", job.child, children.pid(job.child),
                 end.text(), children.count() > 1 ? "; the others were ended" : "");
      return end.shell_code();
    }
    case JobEnd::Cause::deadline:
      fmt::print(stderr, "symmem: ranks {} still ran after {} and were ended\n",
                 fmt::join(job.unfinished, ", "), command.timeout);
      return kTimedOut;
    case JobEnd::Cause::signal:
      fmt::print(stderr, "symmem: the ranks were ended by signal {} (SIG{})\n", job.signal,
                 ::sigabbrev_np(job.signal));
      return 128 + job.signal;
  }
  return kFailed;
}

}  // namespace

int run(const RunCommand& command) {
  require(!command.words.empty(), Errc::invalid_argument,
          "no program was named: symmem run -n N program [arguments]");
  const Spread spread = read_spread(command);
  const auto timeout = parse_time(command.timeout);
  require(timeout && timeout->count() > 0, Errc::invalid_argument,
          "--timeout {} is no time such as 500ms, 30s, 2m", in_quotes(command.timeout));
  // Before the store's thread, which is to block them, too.
  const SignalFd signals{SIGINT, SIGTERM, SIGHUP};
  std::optional<HostNetwork> network;
  if (command.namespaces) network.emplace(spread.hosts);
  warn_of_unused(command);
  const JobStore store = serve(network);
  ChildProcesses children(print_line);
  try {
    start_ranks(children, command, spread, network, store);
  } catch (const Error& error) {
    fmt::print(stderr, "symmem: {}\n", error.what());
    return kNotStarted;
  }
  const JobEnd job = children.wait_all(Deadline::in(timeout, {}), &signals);
  return conclude(job, children, command);
}

}  // namespace symmem::cli
