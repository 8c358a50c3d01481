// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <signal.h>

#include <cstdio>

#include "base/check.hpp"
#include "base/child_processes.hpp"
#include "base/options.hpp"
#include "base/parse.hpp"
#include "base/random.hpp"
#include "cli/commands.hpp"
#include "core/builtin.hpp"

namespace symmem::cli {
namespace {

/// Flushed, so that what a rank wrote is seen even if we are killed.
void print_line(int rank, Stream stream, std::string_view line) {
  std::FILE* file = stream == Stream::output ? stdout : stderr;
  fmt::print(file, "[{}] {}\n", rank, line);
  std::fflush(file);
}

Environment environment_of(int rank, int ranks, const std::string& store) {
  Environment environment = process_environment();
  environment["SYMMEM_RANK"] = environment["SYMMEM_LOCAL_RANK"] = std::to_string(rank);
  environment["SYMMEM_WORLD_SIZE"] = std::to_string(ranks);
  environment["SYMMEM_STORE"] = store;
  return environment;
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
  const auto ranks = parse_whole(command.ranks, 1, kMostRanks);
  require(ranks.has_value(), Errc::invalid_argument, "--ranks {} is no whole number from 1 to {}",
          in_quotes(command.ranks), kMostRanks);
  const auto timeout = parse_time(command.timeout);
  require(timeout && timeout->count() > 0, Errc::invalid_argument,
          "--timeout {} is no time such as 500ms, 30s, 2m", in_quotes(command.timeout));
  // Before the store's thread, which is to block them, too.
  const SignalFd signals{SIGINT, SIGTERM, SIGHUP};
  const Options options = read_options(process_environment());
  TcpStoreOptions place;
  place.job = to_hex(random_bytes(8));
  place.secret = store_secret(options);
  place.liveness = options.liveness;
  const StoreServer server(place, StoreServer::Serves::any_job);
  ChildProcesses children(print_line);
  try {
    for (int rank = 0; rank < *ranks; ++rank)
      children.start({command.words, environment_of(rank, static_cast<int>(*ranks),
                                                    server.url() + "/" + place.job)});
  } catch (const Error& error) {
    fmt::print(stderr, "symmem: {}\n", error.what());
    return kNotStarted;
  }
  const JobEnd job = children.wait_all(Deadline::in(timeout, {}), &signals);
  return conclude(job, children, command);
}

}  // namespace symmem::cli
