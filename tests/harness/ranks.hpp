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
#include "symmem/key_value_store.hpp"

namespace symmem::harness {

/// Factor by which all deadlines are multiplied; larger in a build with sanitizers.
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

/// Returns whether this is a rank process, not the process of the test. Only the process of the
/// test checks which devices exist, because fewer devices may be visible to a rank.
bool in_rank_process();

/// The argument of a rank's body. SYMMEM_* variables are set, so the body may construct a Context.
struct RankProcess {
  int rank;
  int world_size;
  /// A store separate from the job's store, through which the ranks and the test synchronize.
  KeyValueStore& control;
};

/// Settings of Ranks.
struct RanksSettings {
  std::chrono::milliseconds deadline = std::chrono::seconds(120) * kSlow;
  Environment environment;                    ///< Variables for all ranks; "" removes one.
  std::map<int, Environment> environment_of;  ///< Further variables, by rank.
};

/// The exit code or signal of a rank, and its output.
struct RankEnd {
  ChildEnd end;
  std::string output;  ///< All lines, each with the prefix "[rank] ".
};

/// The rank processes of one test case. In the process of the test, the constructor executes this
/// program once per rank, with a filter for this test case. In a rank process the same constructor
/// runs `body` and exits, with code 1 if a check failed. Therefore changes that a body makes to its
/// captures are not visible in the test.
///
/// A test case may construct one Ranks object, outside of SUBCASEs, because each rank process must
/// reach the constructor on the same path.
class Ranks {
 public:
  using Body = std::function<void(RankProcess&)>;

  Ranks(int count, const Body& body, const RanksSettings& settings = {});
  ~Ranks();
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  int count() const { return children_.count(); }
  /// Returns the same store as RankProcess::control.
  KeyValueStore& control() { return *control_; }
  /// Stops the server of the job's store, as if its process had died.
  void end_store() { store_.server.reset(); }
  /// Returns the value for SYMMEM_STORE.
  const std::string& store_url() const { return store_.url; }

  pid_t pid(int rank) const { return children_.pid(rank); }
  void signal(int rank, int number) { children_.signal(rank, number); }
  /// Waits until `rank` has ended. At the deadline the test case fails and the rank is killed.
  RankEnd wait(int rank);
  /// Waits until all ranks have ended. The first failure or the deadline stops the other ranks and
  /// fails the test case.
  void expect_success(std::source_location site = std::source_location::current());
  /// Returns the output of `rank` that the waits have read so far.
  std::string output(int rank) const;

 private:
  friend void run_ranks(int, const Body&, const RanksSettings&, std::source_location);
  Ranks(int call, int count, const Body& body, const RanksSettings& settings);
  Environment environment_of(int rank, int count, int call) const;

  RanksSettings settings_;
  /// A store server and its URL, which contains a random job name.
  struct Server {
    std::unique_ptr<StoreServer> server;
    std::string url;
  };
  static Server make_server();
  Server store_, control_server_;
  std::shared_ptr<KeyValueStore> control_;
  Deadline deadline_;
  std::map<int, std::string> output_;
  ChildProcesses children_;
};

/// Runs `body` in `count` processes. A failed check, an exception, a signal or a sanitizer report
/// in any process fails this test case; the output of all processes is then printed. A test case
/// may call run_ranks() several times.
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
