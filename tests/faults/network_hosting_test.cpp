// SPDX-License-Identifier: Apache-2.0
#include "faults/faults.hpp"
#include "harness/network.hpp"

using namespace symmem;
using namespace symmem::faults;

TEST_CASE("a rank that hosts the store and ends first serves UCX until the others have left") {
  if (!harness::can_use_ucx()) return;
  Ranks ranks(
      3,
      [](RankProcess& self) {
        Context context(hosted(self));
        const Shared shared(context);
        if (self.rank == 0) return;
        check_error(Errc::peer_lost, {"rank 0 (", "left"},
                    [&] { shared.memory->wait_signal(0, 0); });
        // This rank now ends. Rank 0 still acknowledges this rank's operations.
      },
      harness::on_hosts(3, 1, with_endless_waits()));
  ranks.expect_success();
  for (const int rank : {0, 1, 2}) {
    const std::string output = ranks.output(rank);
    CHECK_MESSAGE(output.find("warning") == std::string::npos, output);
  }
}
