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

/// Sanitizers make everything slower: so much longer are all deadlines then.
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

/// True in the process of a rank, false in that of the test that started it. What a test can use is
/// found out in the latter: a rank may see less.
bool in_rank_process();

/// What a rank's body has besides the SYMMEM_* variables, from which it may make its Context.
struct RankProcess {
  int rank;
  int world_size;
  /// A store apart from the job's, in which ranks and test meet instead of sleeping.
  KeyValueStore& control;
};

struct RanksSettings {
  std::chrono::milliseconds deadline = std::chrono::seconds(120) * kSlow;
  Environment environment;                    ///< Added to every rank's; an empty value unsets.
  std::map<int, Environment> environment_of;  ///< Added to that rank's, after the above.
};

struct RankEnd {
  ChildEnd end;
  std::string output;  ///< All lines, "[rank] " before each.
};

/// The ranks of one test case as processes. In the test, the constructor starts this program again
/// for each rank, with this test case alone; in such a process the same constructor runs `body` and
/// exits, with code 1 if a check failed. A body's captures are therefore the rank's own: what it
/// does to them is not seen by the test.
///
/// One in a test case, and none in a SUBCASE: the rank must come to it by the same way.
class Ranks {
 public:
  using Body = std::function<void(RankProcess&)>;

  Ranks(int count, const Body& body, const RanksSettings& settings = {});
  ~Ranks();
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  int count() const { return children_.count(); }
  /// The same store as RankProcess::control.
  KeyValueStore& control() { return *control_; }
  /// Ends the server of the job's store, as if its process had died.
  void end_store() { store_.server.reset(); }
  /// As SYMMEM_STORE has it.
  const std::string& store_url() const { return store_.url; }

  pid_t pid(int rank) const { return children_.pid(rank); }
  void signal(int rank, int number) { children_.signal(rank, number); }
  /// Waits until `rank` has ended. At the deadline the test case fails and the rank is killed.
  RankEnd wait(int rank);
  /// Waits until all have ended. The first failure ends the others and fails the test case, and so
  /// does the deadline.
  void expect_success(std::source_location site = std::source_location::current());
  /// What `rank` wrote so far, as far as a wait has read it.
  std::string output(int rank) const;

 private:
  friend void run_ranks(int, const Body&, const RanksSettings&, std::source_location);
  Ranks(int call, int count, const Body& body, const RanksSettings& settings);
  Environment environment_of(int rank, int count, int call) const;

  RanksSettings settings_;
  /// For one job of a random name.
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

/// Runs `body` in `count` processes. Whatever fails in one, a check, an exception, a signal, a
/// sanitizer, fails this test case and shows the output of all. May be called several times.
void run_ranks(int count, const Ranks::Body& body, const RanksSettings& settings = {},
               std::source_location site = std::source_location::current());

/// The same for a body that takes the Context of its rank.
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
