// SPDX-License-Identifier: Apache-2.0
#include "harness/network.hpp"
#include "system/system.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

/// Returns what each of three ranks logs at `level`, from join to close.
std::vector<std::string> logs_at(const std::string& level, RanksSettings settings) {
  settings.environment["SYMMEM_LOG"] = level;
  Ranks ranks(
      3,
      [](RankProcess&) {
        Context context;
        context.rendezvous(allocate(context, 64))->close();
      },
      settings);
  ranks.expect_success();
  return {ranks.output(0), ranks.output(1), ranks.output(2)};
}

void check_has(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    CHECK_MESSAGE(text.find(part) != std::string::npos, part, " is not in:\n", text);
}

}  // namespace

TEST_CASE("at level info each rank logs its launcher, its options and all routes") {
  const auto logs = logs_at("info", {});
  for (int rank = 0; rank < 3; ++rank) {
    const std::string id = std::to_string(rank), as = "rank " + id + "/3 local " + id;
    check_has(logs[static_cast<std::size_t>(rank)],
              {" rank " + id + " info: joining: " + as + " (SYMMEM_RANK), store: 127.0.0.1:",
               " info: joined: " + as, " info: SYMMEM_LOG=info (",
               " info: routes of rank " + id + " in group \"world\", 64 bytes on host:",
               "    0    1    2\n", "   0 self  shm  shm\n", "   1  shm self  shm\n",
               "   2  shm  shm self\n"});
  }
}

TEST_CASE("the matrix of routes shows the transports between several hosts") {
  if (!can_use_ucx()) return;
  const std::string log = logs_at("info", on_hosts(3, 2)).at(2);
  check_has(log, {"   0 self  shm  ucx\n", "   1  shm self  ucx\n", "   2  ucx  ucx self\n",
                  "ucx; shm refused: ", "info: ucx: UCX 1."});
}

TEST_CASE("a rank without a problem logs nothing at the default level") {
  for (const std::string& log : logs_at("", {}))
    CHECK_MESSAGE(log.find(" symmem ") == std::string::npos, log);
}
