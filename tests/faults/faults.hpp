// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <source_location>
#include <string>
#include <vector>

#include "base/host.hpp"
#include "base/parse.hpp"
#include "signals/signal_pad.hpp"
#include "harness/errors.hpp"
#include "harness/ranks.hpp"
#include "harness/resources.hpp"
#include "symmem/context.hpp"

/// What the tests of faults share. Processes meet at named points in the control store: so a fault
/// comes when the others are where the test wants them, on any machine and under any load.
namespace symmem::faults {

using harness::leaving_nothing;
using harness::RankProcess;
using harness::Ranks;
using harness::RanksSettings;
using harness::Resources;
using harness::run_ranks;

/// Says that this process is at `point`, with something to tell the others.
inline void arrive(RankProcess& self, const std::string& point, const std::string& word = {}) {
  self.control.set(fmt::format("{}.{}", point, self.rank), word);
}

/// Waits until process `rank` is at `point`; returns its word.
inline std::string await(Store& control, const std::string& point, int rank) {
  return control.get(fmt::format("{}.{}", point, rank));
}

inline void await_all(Store& control, const std::string& point, const std::vector<int>& ranks) {
  for (const int rank : ranks) await(control, point, rank);
}

inline void meet(RankProcess& self, const std::string& point, const std::vector<int>& ranks) {
  arrive(self, point);
  await_all(self.control, point, ranks);
}

/// This process as errors name it when it is `rank`.
inline std::string name_here(int rank) {
  return fmt::format("rank {} (host {}, pid {})", rank, host_name(), ::getpid());
}

[[noreturn]] inline void die() {
  ::raise(SIGKILL);
  ::abort();
}

/// Checks that `call` throws an Error of `code` whose message has all `parts`; returns the message.
inline std::string check_error(Errc code, const std::vector<std::string>& parts,
                               const std::function<void()>& call,
                               std::source_location site = std::source_location::current()) {
  const auto error = harness::error_of(call);
  harness::check_error(error, code, parts, site);
  return error ? error->what() : "";
}

/// What happens must end the waits, not their deadline: one that goes on hangs until the test's
/// own.
inline RanksSettings with_endless_waits() {
  RanksSettings settings;
  settings.environment = {{"SYMMEM_TIMEOUT", "1h"}};
  return settings;
}

/// The options of a process that plays `rank` of `size`: a test may play several jobs in turn.
inline Options as_rank(int rank, int size) {
  Options options = Options::from_env();
  options.rank = options.local_rank = rank;
  options.world_size = size;
  return options;
}

/// A store's server at a free port, for one job of that name.
inline StoreServer serve(const std::string& job) {
  TcpStoreOptions options;
  options.job = job;
  return {options, StoreServer::Serves::any_job};
}

/// Where rank 0 may host a store: the port was free a moment ago. Rank 0 picks, all return the
/// same.
inline std::string agree_on_url(RankProcess& self, int rank) {
  if (rank == 0) {
    // The server is gone before anybody hears of it.
    const std::string url = serve({}).url() + "/hosted";
    self.control.set("url", url);
  }
  return self.control.get("url");
}

/// The options of a job of all ranks whose rank 0 hosts the store.
inline Options hosted(RankProcess& self) {
  Options options = Options::from_env();
  options.store = agree_on_url(self, self.rank);
  return options;
}

/// The store that `options` name. Kept by a rank whose join is to fail: the store forgets a verdict
/// when all who took part are gone.
inline std::shared_ptr<Store> connect(const Options& options) {
  const StoreUrl url = parse_store_url(options.store).value();
  TcpStoreOptions at;
  at.host = url.host;
  at.port = url.port;
  at.job = url.job;
  at.timeout = options.timeout;
  at.liveness = options.liveness;
  return make_tcp_store(at);
}

inline Tensor allocate(Context& context, const std::string& group = kWorld,
                       std::int64_t bytes = 4096) {
  return empty_strided_p2p(context, {bytes}, {1}, kUint8, {}, group);
}

/// Memory that all ranks of `group` have met on.
struct Shared {
  explicit Shared(Context& context, const std::string& group = kWorld, std::int64_t bytes = 4096)
      : tensor(allocate(context, group, bytes)), memory(context.rendezvous(tensor)) {}
  Tensor tensor;
  std::shared_ptr<SymmetricMemory> memory;
};

/// Waits until `count` threads of `rank` sleep in waits on `memory`, or are about to: what happens
/// next must wake them.
inline void await_sleepers(const SymmetricMemory& memory, int rank, std::uint32_t count = 1) {
  const SignalPad pad(
      static_cast<std::byte*>(get_signal_pad_ptrs(memory).at(static_cast<std::size_t>(rank))),
      memory.world_size());
  while (std::atomic_ref(pad.doorbell().sleepers()).load() < count) ::sched_yield();
}

/// Returns when no thread of `rank` runs any more.
inline void stop(Ranks& ranks, int rank) {
  ranks.signal(rank, SIGSTOP);
  siginfo_t stopped;
  REQUIRE(::waitid(P_PID, static_cast<id_t>(ranks.pid(rank)), &stopped, WSTOPPED | WNOWAIT) == 0);
}

/// Checks that the processes 0 to `survivors`-1 succeed and all others were killed.
inline void expect_survivors(Ranks& ranks, int survivors) {
  for (int rank = 0; rank < ranks.count(); ++rank) {
    const harness::RankEnd got = ranks.wait(rank);
    const bool as_wanted = rank < survivors ? !got.end.failed() : got.end.signal == SIGKILL;
    CHECK_MESSAGE(as_wanted, "process ", rank, " ", got.end.text(), "\n", got.output);
    // The victims of a survivor that failed would wait for it in vain.
    if (!as_wanted) return;
  }
}

}  // namespace symmem::faults
