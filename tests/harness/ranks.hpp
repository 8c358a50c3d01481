// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <concepts>
#include <functional>
#include <map>
#include <memory>
#include <source_location>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "process/child_processes.hpp"
#include "symmem/context.hpp"
#include "symmem/extend/store.hpp"

namespace symmem::harness {

/// Factor by which all deadlines are longer under sanitizers.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr int kSlow = 2;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr int kSlow = 2;
#else
inline constexpr int kSlow = 1;
#endif
#else
inline constexpr int kSlow = 1;
#endif

/// Whether this is the process of a rank, not that of the test that started it. The test determines
/// what it can use, because a rank may see fewer devices.
bool in_rank_process();

/// Argument of a rank's body. The body may make its Context from the SYMMEM_* variables.
struct RankProcess {
  int rank;
  int world_size;
  /// A store apart from the job's, through which ranks and test synchronize.
  Store& control;
};

/// Settings of Ranks.
struct RanksSettings {
  std::chrono::milliseconds deadline = std::chrono::seconds(120) * kSlow;
  Environment environment;                    ///< Changes for all ranks; an empty value unsets.
  std::map<int, Environment> environment_of;  ///< Further changes, by rank.
};

/// How a rank ended, with its output.
struct RankEnd {
  ChildEnd end;
  std::string output;  ///< All lines, each with the prefix "[rank] ".
};

/// The ranks of one test case as processes. In the test, the constructor executes this program for
/// each rank with a filter for this test case. In such a process the same constructor runs `body`
/// and exits, with code 1 if a check failed. The test therefore does not see what a body does to
/// its captures.
///
/// A test case may have one, outside of SUBCASEs: each rank must reach it on the same path.
class Ranks {
 public:
  using Body = std::function<void(RankProcess&)>;

  Ranks(int count, const Body& body, const RanksSettings& settings = {});
  ~Ranks();
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  int count() const { return children_.count(); }
  /// The same store as RankProcess::control.
  Store& control() { return *control_; }
  /// Stops the server of the job's store, as if its process had died.
  void end_store() { store_.server.reset(); }
  /// Returns the value for SYMMEM_STORE.
  const std::string& store_url() const { return store_.url; }

  pid_t pid(int rank) const { return children_.pid(rank); }
  void signal(int rank, int number) { children_.signal(rank, number); }
  /// Waits until `rank` has ended. At the deadline the test case fails and the rank is killed.
  RankEnd wait(int rank);
  /// Waits until all ranks have ended. The first failure or the deadline stops the others and fails
  /// the test case.
  void expect_success(std::source_location site = std::source_location::current());
  /// Returns the output of `rank` that the waits have read so far.
  std::string output(int rank) const;

 private:
  friend void run_ranks(int, const Body&, const RanksSettings&, std::source_location);
  Ranks(int call, int count, const Body& body, const RanksSettings& settings);
  Environment environment_of(int rank, int count, int call) const;

  RanksSettings settings_;
  /// Serves one job with a random name.
  struct Server {
    std::unique_ptr<StoreServer> server;
    std::string url;
  };
  static Server make_server();
  Server store_, control_server_;
  std::shared_ptr<Store> control_;
  Deadline deadline_;
  std::map<int, std::string> output_;
  ChildProcesses children_;
};

/// Runs `body` in `count` processes. A failed check, an exception, a signal or a sanitizer report
/// in one of them fails this test case and prints the output of all. May be called several times.
void run_ranks(int count, const Ranks::Body& body, const RanksSettings& settings = {},
               std::source_location site = std::source_location::current());

/// Overload for a body that takes the Context of its rank.
template <std::invocable<Context&> Body>
void run_ranks(int count, const Body& body, const RanksSettings& settings = {},
               std::source_location site = std::source_location::current()) {
  const auto with_context = [&body](RankProcess&) {
    Context context;
    body(context);
  };
  run_ranks(count, Ranks::Body(with_context), settings, site);
}

}  // namespace symmem::harness
