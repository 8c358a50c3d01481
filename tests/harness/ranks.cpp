// SPDX-License-Identifier: Apache-2.0
#include "harness/ranks.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "base/parse.hpp"
#include "base/random.hpp"
#include "harness/program.hpp"
#include "harness/progress.hpp"

namespace symmem::harness {
namespace {

// Environment variables of the harness. They lack the prefix SYMMEM_, which is for options of the
// library.
constexpr const char* kCall = "HARNESS_CALL";
constexpr const char* kControl = "HARNESS_CONTROL";
constexpr const char* kDeadline = "HARNESS_DEADLINE";

/// Returns the number of the run_ranks() call or Ranks object whose body this rank process runs; 0
/// in the process of the test.
int call_of_this_process() {
  static const int call = static_cast<int>(
      parse_whole(value_of(process_environment(), kCall), 1, 1'000'000).value_or(0));
  return call;
}

/// Connects a client to the control store. The liveness timeout is long, so that a rank can use the
/// store again after SIGSTOP and SIGCONT.
std::shared_ptr<KeyValueStore> connect(const std::string& url, std::chrono::milliseconds timeout) {
  const StoreUrl place = parse_store_url(url).value();
  TcpStoreOptions options;
  options.host = place.host;
  options.port = place.port;
  options.job = place.job;
  options.timeout = timeout;
  options.liveness = std::chrono::hours(1);
  return make_tcp_store(options);
}

/// Runs the body in this rank process and exits.
[[noreturn]] void run_as_rank(const Ranks::Body& body) {
  const Environment environment = process_environment();
  const auto number = [&environment](const char* name) {
    return static_cast<int>(parse_whole(value_of(environment, name), 0, 1 << 20).value());
  };
  try {
    const auto control = connect(std::string(value_of(environment, kControl)),
                                 parse_time(value_of(environment, kDeadline)).value());
    RankProcess self{number("SYMMEM_RANK"), number("SYMMEM_WORLD_SIZE"), *control};
    body(self);
  } catch (const std::exception& error) {
    FAIL_CHECK("exception: " << std::string(error.what()));
  } catch (...) {
    // A failed REQUIRE also throws, but doctest has already reported the failure.
    if (!anything_failed()) FAIL_CHECK("exception of an unknown kind");
  }
  std::cout.flush();
  std::exit(anything_failed() ? 1 : 0);
}

}  // namespace

bool in_rank_process() { return call_of_this_process() != 0; }

Ranks::Ranks(int count, const Body& body, const RanksSettings& settings)
    : Ranks(next_call(), count, body, settings) {}

Ranks::Ranks(int call, int count, const Body& body, const RanksSettings& settings)
    : settings_(settings),
      deadline_(Deadline::in(settings_.deadline, settings_.deadline)),
      children_([this](int rank, ChildStream, std::string_view line) {
        output_[rank] += fmt::format("[{}] {}\n", rank, line);
      }) {
  if (call_of_this_process() == call) run_as_rank(body);
  REQUIRE_MESSAGE(call_of_this_process() == 0, "a test case may construct only one Ranks object");
  store_ = make_server();
  control_server_ = make_server();
  control_ = connect(control_server_.url, settings_.deadline);
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  for (int rank = 0; rank < count; ++rank)
    children_.start({{self, current_test_filter(), current_file_filter(), "--no-intro",
                      "--no-version", "--no-colors"},
                     environment_of(rank, count, call)});
}

Ranks::~Ranks() = default;

Ranks::Server Ranks::make_server() {
  TcpStoreOptions options;
  options.job = to_hex(random_bytes(8));
  auto server = std::make_unique<StoreServer>(options, StoreServer::Serves::any_job);
  const std::string url = server->url() + "/" + options.job;
  return {std::move(server), url};
}

Environment Ranks::environment_of(int rank, int count, int call) const {
  Environment more = {{kCall, std::to_string(call)},
                      {kControl, control_server_.url},
                      {kDeadline, show_time(settings_.deadline)},
                      {"SYMMEM_RANK", std::to_string(rank)},
                      {"SYMMEM_WORLD_SIZE", std::to_string(count)},
                      {"SYMMEM_LOCAL_RANK", std::to_string(rank)},
                      {"SYMMEM_STORE", store_.url},
                      // These timeouts allow for other tests on the same processors.
                      {"SYMMEM_TIMEOUT", "60s"},
                      {"SYMMEM_LIVENESS", "30s"}};
  for (const auto& [name, value] : settings_.environment) more[name] = value;
  const auto own = settings_.environment_of.find(rank);
  if (own != settings_.environment_of.end())
    for (const auto& [name, value] : own->second) more[name] = value;
  return environment_with(more);
}

RankEnd Ranks::wait(int rank) {
  const auto end = children_.wait(rank, deadline_);
  if (end) return {*end, output(rank)};
  signal(rank, SIGKILL);
  FAIL_CHECK("rank " << rank << " still ran after " << show_time(settings_.deadline)
                     << " and was killed; it wrote:\n"
                     << output(rank));
  return {children_.wait(rank, Deadline::in({}, settings_.deadline)).value(), output(rank)};
}

void Ranks::expect_success(std::source_location site) {
  const JobEnd job = children_.wait_all(deadline_);
  if (job.cause == JobEnd::Cause::all_succeeded) return;
  std::string text =
      job.cause == JobEnd::Cause::child_failed
          ? fmt::format("rank {} {}", job.child, children_.end(job.child)->text())
          : fmt::format("ranks {} still ran after {} and were killed",
                        fmt::join(job.unfinished, ", "), show_time(settings_.deadline));
  for (int rank = 0; rank < count(); ++rank) text += "\n" + output(rank);
  ADD_FAIL_CHECK_AT(site.file_name(), static_cast<int>(site.line()), text);
}

std::string Ranks::output(int rank) const {
  const auto found = output_.find(rank);
  return found == output_.end() ? std::string() : found->second;
}

void run_ranks(int count, const Ranks::Body& body, const RanksSettings& settings,
               std::source_location site) {
  const int call = next_call(), mine = call_of_this_process();
  // A rank process of another call skips this call.
  if (mine == 0 || mine == call) Ranks(call, count, body, settings).expect_success(site);
}

}  // namespace symmem::harness
