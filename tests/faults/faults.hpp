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
#include "harness/errors.hpp"
#include "harness/ranks.hpp"
#include "harness/resources.hpp"
#include "signals/signal_pad.hpp"
#include "symmem/context.hpp"
#include "symmem/key_value_store.hpp"
#include "symmem/torch_compat.hpp"

/// Helpers of the fault tests. Processes synchronize at named points in the control store, so that
/// a fault happens only after the other processes have reached the point that the test requires.
namespace symmem::faults {

using harness::leaving_nothing;
using harness::RankProcess;
using harness::Ranks;
using harness::RanksSettings;
using harness::Resources;
using harness::run_ranks;

/// Reports that this process is at `point`, with a value for the others.
inline void arrive(RankProcess& self, const std::string& point, const std::string& value = {}) {
  self.control.set(fmt::format("{}.{}", point, self.rank), value);
}

/// Waits until process `rank` is at `point`; returns its value.
inline std::string await(KeyValueStore& control, const std::string& point, int rank) {
  return control.get(fmt::format("{}.{}", point, rank));
}

inline void await_all(KeyValueStore& control, const std::string& point,
                      const std::vector<int>& ranks) {
  for (const int rank : ranks) await(control, point, rank);
}

inline void arrive_and_await(RankProcess& self, const std::string& point,
                             const std::vector<int>& ranks) {
  arrive(self, point);
  await_all(self.control, point, ranks);
}

/// Returns the text with which errors name this process, whose rank is `rank`.
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

/// Returns settings with a timeout longer than the test's deadline, so that only the fault can end
/// a wait.
inline RanksSettings with_endless_waits() {
  RanksSettings settings;
  settings.environment = {{"SYMMEM_TIMEOUT", "1h"}};
  return settings;
}

/// Returns options with explicit `rank` and `size`, because one test may run several jobs.
inline Options as_rank(int rank, int size) {
  Options options = Options::from_env();
  options.rank = options.local_rank = rank;
  options.world_size = size;
  return options;
}

/// Starts the server of a store at a free port.
inline StoreServer serve(const std::string& job) {
  TcpStoreOptions options;
  options.job = job;
  return {options, StoreServer::Serves::any_job};
}

/// Returns on all ranks the same URL, whose port rank 0 found free and may use for a store.
inline std::string agree_on_url(RankProcess& self, int rank) {
  if (rank == 0) {
    // This temporary server has ended before the other ranks receive the URL.
    const std::string url = serve({}).url() + "/hosted";
    self.control.set("url", url);
  }
  return self.control.get("url");
}

/// Returns options for a job of all ranks whose rank 0 hosts the store.
inline Options hosted(RankProcess& self) {
  Options options = Options::from_env();
  options.store = agree_on_url(self, self.rank);
  return options;
}

/// Connects to the store in `options`. If a join is expected to fail, keep the result until all
/// ranks have tried: the store forgets a failed join when all its participants have disconnected.
inline std::shared_ptr<KeyValueStore> connect(const Options& options) {
  const StoreUrl url = parse_store_url(options.store).value();
  TcpStoreOptions at;
  at.host = url.host;
  at.port = url.port;
  at.job = url.job;
  at.timeout = options.timeout;
  at.liveness = options.liveness;
  return make_tcp_store(at);
}

inline Buffer<> allocate(Context& context, const std::string& group = kWorld,
                         std::size_t bytes = 4096) {
  return context.allocate(bytes, AllocateOptions{.group = group});
}

/// A buffer and its symmetric memory in `group`.
struct Shared {
  explicit Shared(Context& context, const std::string& group = kWorld, std::size_t bytes = 4096)
      : buffer(allocate(context, group, bytes)), memory(context.rendezvous(buffer)) {}

  /// This rank's buffer as elements of T.
  template <typename T>
  T* own() const {
    return reinterpret_cast<T*>(buffer.data());
  }

  Buffer<> buffer;
  std::shared_ptr<SymmetricMemory> memory;
};

/// Waits until `count` threads of `rank` sleep in waits on `memory`, or are about to. A fault after
/// this call must wake these threads.
inline void await_sleepers(const SymmetricMemory& memory, int rank, std::uint32_t count = 1) {
  const SignalPad pad(
      static_cast<std::byte*>(get_signal_pad_ptrs(memory).at(static_cast<std::size_t>(rank))),
      memory.world_size());
  while (std::atomic_ref(pad.doorbell().sleepers()).load() < count) ::sched_yield();
}

/// Stops all threads of process `rank` with SIGSTOP. Returns when all are stopped.
inline void stop(Ranks& ranks, int rank) {
  ranks.signal(rank, SIGSTOP);
  siginfo_t stopped;
  REQUIRE(::waitid(P_PID, static_cast<id_t>(ranks.pid(rank)), &stopped, WSTOPPED | WNOWAIT) == 0);
}

/// Checks that processes 0 to `survivors`-1 succeed and that all others were killed.
inline void expect_survivors(Ranks& ranks, int survivors) {
  for (int rank = 0; rank < ranks.count(); ++rank) {
    const harness::RankEnd got = ranks.wait(rank);
    const bool expected = rank < survivors ? !got.end.failed() : got.end.signal == SIGKILL;
    CHECK_MESSAGE(expected, "process ", rank, " ", got.end.text(), "\n", got.output);
    // Processes to be killed wait for all survivors first: after one failed, they would hang.
    if (!expected) return;
  }
}

}  // namespace symmem::faults
