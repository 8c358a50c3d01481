// SPDX-License-Identifier: Apache-2.0
// Measures how long symmem takes to report an error: after the deadline of a wait, and after kill
// -9 of a peer. The floor (baseline) of the latter is the time until a plain TCP connection to the
// peer ends.
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "base/check.hpp"
#include "base/environment.hpp"
#include "base/parse.hpp"
#include "context/builtin.hpp"
#include "process/child_process.hpp"
#include "program.hpp"
#include "symmem/key_value_store.hpp"
#include "symmem/symmem.hpp"
#include "wire.hpp"

namespace symmem::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kDeadline{200};

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// Repeats `call` until it throws. Requires Error(code) that names rank 1.
template <typename Call>
void await_error(Errc code, Call call) {
  try {
    for (;;) call();
  } catch (const Error& error) {
    const bool expected =
        error.code() == code && std::string(error.what()).find("rank 1 (") != std::string::npos;
    if (!expected) throw;
  }
}

/// Runs rank 1, which signals rank 0 after the rendezvous, then waits until it is killed.
void run_rank(int) {
  const Environment environment = process_environment();
  const auto port = parse_whole(value_of(environment, "BENCH_PORT"), 1, 65535);
  require(port.has_value(), Errc::invalid_argument, "BENCH_PORT is not a port number");
  // The connection stays open until this process ends; rank 0 then detects the end of the
  // connection.
  [[maybe_unused]] const Fd tcp = connect_to("127.0.0.1", static_cast<std::uint16_t>(*port));
  Context context;
  const auto buffer = context.allocate(64);
  const auto memory = context.rendezvous(buffer);
  memory->put_signal(0, 0);
  for (;;) ::pause();
}

/// Rank 0 in this process and rank 1 in a child process, connected by `transport`.
class Pair {
 public:
  explicit Pair(const std::string& transport)
      : server_({}, StoreServer::Serves::any_job),
        listening_(listen_anywhere()),
        victim_(command(transport)),
        tcp_(accept_one(listening_)),
        context_(options(transport)),
        buffer_(context_.allocate(64)),
        memory_(context_.rendezvous(buffer_)) {
    memory_->wait_signal(1, 0);
  }

  Context& context() { return context_; }
  SymmetricMemory& memory() { return *memory_; }
  void await_end_of_tcp() const {
    pollfd end{tcp_.get(), POLLIN, 0};
    require(::poll(&end, 1, 60'000) == 1, Errc::timeout, "the connection did not end");
  }

  /// Kills rank 1 during `wait`. Returns the milliseconds from the kill to the return of `wait`.
  template <typename Wait>
  double kill_during(Wait wait) {
    Clock::time_point killed;
    std::thread killer([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
      killed = Clock::now();
      ::kill(victim_.pid(), SIGKILL);
    });
    wait();
    const Clock::time_point seen = Clock::now();
    killer.join();
    return std::chrono::duration<double, std::milli>(seen - killed).count();
  }

 private:
  Options options(const std::string& transport) const {
    Options options = Options::from_env();
    options.rank = 0;
    options.world_size = 2;
    options.store = server_.url();
    options.transports = {transport};
    if (transport == "ucx") options.host_id = "host0";
    return options;
  }
  ChildCommand command(const std::string& transport) const {
    ChildCommand command{{"/proc/self/exe", "--as-rank"}, process_environment()};
    Environment& environment = command.environment;
    environment["SYMMEM_RANK"] = "1";
    environment["SYMMEM_WORLD_SIZE"] = "2";
    environment["SYMMEM_STORE"] = server_.url();
    environment["SYMMEM_TRANSPORTS"] = transport;
    if (transport == "ucx") environment["SYMMEM_HOST_ID"] = "host1";
    environment["BENCH_PORT"] = std::to_string(port_of(listening_));
    return command;
  }

  const StoreServer server_;
  const Fd listening_;
  const ChildProcess victim_;
  const Fd tcp_;
  Context context_;
  const Buffer<> buffer_;
  const std::shared_ptr<SymmetricMemory> memory_;
};

/// Measures the time from the deadline of a call that waits for an absent rank to the error.
template <typename Call>
Figure missing(const char* what, int rounds, Call call) {
  Figure figure{
      fmt::format("after the deadline: {}", what), "ms", "", {}, {}, {Goal::Kind::at_most, 50}};
  for (int i = 0; i < rounds; ++i) {
    const Clock::time_point start = Clock::now();
    await_error(Errc::timeout, [&] { call(i); });
    figure.ours.push_back(milliseconds_since(start) - static_cast<double>(kDeadline.count()));
  }
  return figure;
}

/// Measures the time from the kill of rank 1 to the error of `call`, which waits for rank 1 or is
/// repeated.
template <typename Call>
Figure killed(const std::string& transport, const char* what, int rounds, Call call) {
  Figure figure{fmt::format("kill -9: {}, {}", what, transport),
                "ms",
                "end of TCP",
                {},
                {},
                {Goal::Kind::above_floor_at_most, 50}};
  alternate(
      figure, rounds,
      [&] {
        Pair pair(transport);
        return pair.kill_during([&] { pair.await_end_of_tcp(); });
      },
      [&] {
        Pair pair(transport);
        return pair.kill_during(
            [&] { await_error(Errc::peer_lost, [&] { call(pair.memory()); }); });
      });
  return figure;
}

std::vector<Figure> measure(int rounds) {
  const auto wait = [](SymmetricMemory& memory) { memory.wait_signal(1, 1); };
  std::vector<Figure> figures;
  {
    Pair pair("shm");
    SymmetricMemory& memory = pair.memory();
    const auto buffer = pair.context().allocate(64);
    figures = {missing("wait_signal", rounds, [&](int) { memory.wait_signal(1, 1, kDeadline); }),
               missing("barrier", rounds, [&](int round) { memory.barrier(round, kDeadline); }),
               missing("rendezvous", rounds,
                       [&](int) { pair.context().rendezvous(buffer, {}, kDeadline); })};
  }
  figures.push_back(killed("shm", "wait_signal", rounds, wait));
  const std::vector<std::string> built = builtin_transport_names();
  if (std::count(built.begin(), built.end(), "ucx") == 0) return figures;
  figures.push_back(killed("ucx", "wait_signal", rounds, wait));
  figures.push_back(killed("ucx", "get", rounds, [](SymmetricMemory& memory) {
    std::uint64_t word = 0;
    memory.get(1, 0, std::span(&word, 1));
  }));
  return figures;
}

}  // namespace
}  // namespace symmem::bench

int main(int argc, char** argv) {
  using namespace symmem::bench;
  return run_main(
      argc, argv, "bench_faults",
      {.description = "benchmark the time until an error names a missing or killed rank",
       .most_rounds = 60,
       .run_rank = run_rank,
       .measure = measure,
       .title = [] { return "Time until an error names the rank"; }});
}
