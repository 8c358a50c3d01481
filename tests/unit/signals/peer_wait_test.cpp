// SPDX-License-Identifier: Apache-2.0
#include "signals/peer_wait.hpp"

#include <doctest/doctest.h>

#include "harness/errors.hpp"
#include "symmem/key_value_store.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

const auto kGroup = std::make_shared<Group>("g", GroupInfo{0, 2, make_hash_store()}, Process{},
                                            std::chrono::seconds(60));

}  // namespace

TEST_CASE("PeerWait adds the operation and the peer to an error from a transport") {
  PeerWait wait(*kGroup, 1, "get", {});
  check_error([&] { wait.run([] { throw Error(Errc::refused, "it refused the get"); }); },
              Errc::refused, {"get: rank 1: it refused the get"});
}

TEST_CASE("the error of a wait that times out names the operation and the peer only once") {
  PeerWait wait(*kGroup, 1, "flush", std::chrono::milliseconds(0));
  const auto error = error_of([&] { wait.run([&] { wait.check(); }); });
  REQUIRE(error);
  CHECK(error->code() == Errc::timeout);
  const std::string text = error->what();
  CHECK(text.starts_with("flush: rank 1 did not answer"));
  CHECK(text.find("rank 1") == text.rfind("rank 1"));
}
