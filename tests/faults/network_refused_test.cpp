// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "faults/faults.hpp"
#include "harness/network.hpp"
#include "harness/progress.hpp"

using namespace symmem;
using namespace symmem::faults;
using harness::can_use_ucx;
using harness::on_hosts;

namespace {

bool has_opened_ucx() {
  std::ifstream maps("/proc/self/maps");
  const std::string text{std::istreambuf_iterator<char>(maps), {}};
  return text.find("libucp") != std::string::npos;
}

/// Checks that a rendezvous of three ranks fails on all with the same text, which contains all
/// `parts`. Ranks 0 and 1 share a host.
void fail_alike(RanksSettings settings, const std::vector<std::string>& parts) {
  for (int rank = 0; rank < 3; ++rank)
    settings.environment_of[rank]["SYMMEM_HOST_ID"] = harness::host_of(rank, 2);
  run_ranks(
      3,
      [&](RankProcess& self) {
        const auto fail_once = [&](const std::string& point) {
          {
            Context context;
            const auto buffer = allocate(context);
            const std::string text =
                check_error(Errc::unsupported, parts, [&] { context.rendezvous(buffer); });
            arrive(self, point, text);
            for (const int rank : {0, 1, 2}) CHECK(await(self.control, point, rank) == text);
          }
          arrive_and_await(self, point + ", left", {0, 1, 2});
        };
        fail_once("first error");  // A library stays loaded once it was opened.
        leaving_nothing([&] { fail_once("second error"); });
      },
      settings);
}

}  // namespace

TEST_CASE(
    "without a libucp, a rendezvous across hosts fails on all ranks; the error names the option") {
  RanksSettings settings;
  settings.environment["SYMMEM_UCX_LIBRARY"] = "/nonexistent/libucp.so";
  fail_alike(settings, {"2 pairs", "rank 0 (host", "rank 1 (host", "rank 2 (host", "another host",
                        "/nonexistent/libucp.so", "SYMMEM_UCX_LIBRARY"});
}

TEST_CASE("if libucp is missing on one host, all ranks get the same error") {
  RanksSettings settings;
  settings.environment_of[2]["SYMMEM_UCX_LIBRARY"] = "/nonexistent/libucp.so";
  fail_alike(settings, {"2 pairs", "/nonexistent/libucp.so", "SYMMEM_UCX_LIBRARY"});
}

TEST_CASE("a library that is no libucp is refused") {
  RanksSettings settings;
  settings.environment["SYMMEM_UCX_LIBRARY"] = "libm.so.6";
  fail_alike(settings, {"2 pairs", "ucp_"});
}

TEST_CASE("a UCX that may use no network is refused, and the error names UCX_TLS") {
  if (!can_use_ucx()) return;
  RanksSettings settings;
  settings.environment["UCX_TLS"] = "sm";
  fail_alike(settings, {"2 pairs", "ucx: ", "UCX_TLS"});
}

TEST_CASE("a host name that is too long for UCX is refused before UCX is loaded") {
  if (::unshare(CLONE_NEWUTS) != 0)
    return harness::skip("cannot make a namespace of host names (root can)");
  run_ranks(
      2,
      [](RankProcess&) {
        const std::string longest(64, 'h');
        REQUIRE(::sethostname(longest.data(), longest.size()) == 0);
        Context context;
        const auto buffer = allocate(context);
        check_error(Errc::unsupported, {"a host name of 64 letters"},
                    [&] { context.rendezvous(buffer); });
        CHECK(!has_opened_ucx());
      },
      on_hosts(2));
}

TEST_CASE("too few free descriptors for UCX cause an error before UCX would abort the process") {
  if (!can_use_ucx()) return;
  for (const std::size_t few : {12, 20}) {
    run_ranks(
        2,
        [&](RankProcess&) {
          Context context;
          const auto buffer = allocate(context);
          rlimit limit{};
          REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
          const auto open = std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
          limit.rlim_cur = static_cast<rlim_t>(open) + few;
          REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
          check_error(Errc::unsupported,
                      {"ucx: the peer does not export: UCX needs some", "ulimit -n"},
                      [&] { context.rendezvous(buffer); });
        },
        on_hosts(2));
  }
}

TEST_CASE("if ranks have different UCX versions, all ranks get an error that names both versions") {
  // The variable is set on machines with a second UCX in addition to the distribution's.
  if (std::getenv("SYMMEM_UCX_LIBRARY") == nullptr)
    return harness::skip("SYMMEM_UCX_LIBRARY names no second UCX");
  if (!can_use_ucx()) return;
  RanksSettings settings;
  settings.environment_of[2]["SYMMEM_UCX_LIBRARY"] = "libucp.so.0";
  // The LeakSanitizer of GCC 12 crashes at the exit of that process.
  settings.environment_of[2]["ASAN_OPTIONS"] = "detect_leaks=0";
  fail_alike(settings, {"2 pairs", "ucx: the peer runs UCX", "this rank UCX",
                        "their remote keys are incompatible"});
}

TEST_CASE("ranks on one host use shared memory and do not load UCX") {
  for (const char* library : {"/nonexistent/libucp.so", ""}) {
    RanksSettings settings;
    settings.environment["SYMMEM_UCX_LIBRARY"] = library;
    run_ranks(
        3,
        [](RankProcess&) {
          Context context;
          Shared shared(context);
          for (int rank = 0; rank < 3; ++rank)
            CHECK(shared.memory->route(rank).transport ==
                  (rank == context.rank() ? "self" : "shm"));
          CHECK_FALSE(has_opened_ucx());
          shared.memory->close();
        },
        settings);
  }
}
