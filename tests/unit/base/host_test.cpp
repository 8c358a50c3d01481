// SPDX-License-Identifier: Apache-2.0
#include "base/host.hpp"

#include <doctest/doctest.h>

using namespace symmem;

TEST_CASE("the host name is not empty, and every call returns the same host id") {
  CHECK_FALSE(host_name().empty());
  CHECK(measure_host_id(true) == measure_host_id(true));
  CHECK(measure_host_id(false) == measure_host_id(false));
}

TEST_CASE("the network namespace is part of the id only if requested") {
  const std::string with = measure_host_id(true), without = measure_host_id(false);
  CHECK(with != without);
  CHECK(with.starts_with(without));
  CHECK(without.find("/ipc:") != std::string::npos);
  CHECK(with.find("/net:") != std::string::npos);
  CHECK(with.find(host_name()) == std::string::npos);  // The host name is not part of the id.
}
