// SPDX-License-Identifier: Apache-2.0
#include "base/deadline.hpp"

#include <doctest/doctest.h>

#include <climits>

#include "harness/errors.hpp"

using namespace symmem;
using namespace symmem::harness;
using std::chrono::milliseconds;

TEST_CASE("an empty timeout selects the default, and any other timeout replaces it") {
  CHECK(Deadline::in({}, milliseconds(5000)).timeout() == milliseconds(5000));
  CHECK(Deadline::in(milliseconds(70), milliseconds(5000)).timeout() == milliseconds(70));
  CHECK(Deadline::in(std::chrono::hours(1), milliseconds(1)).timeout() == std::chrono::hours(1));
}

TEST_CASE("a negative timeout is refused, and the error contains its value") {
  check_error([] { Deadline::in(milliseconds(-3), milliseconds(1)); }, Errc::invalid_argument,
              {"-3 ms", "negative"});
  check_error([] { Deadline::in(milliseconds::min(), milliseconds(1)); }, Errc::invalid_argument);
  check_error([] { Deadline::in({}, milliseconds(-1)); }, Errc::invalid_argument);
}

TEST_CASE("a timeout of zero expires immediately") {
  const Deadline now = Deadline::in(milliseconds(0), {});
  CHECK(now.expired());
  CHECK(now.remaining() == milliseconds(0));
  CHECK(now.remaining_for_poll() == 0);
  CHECK(now.elapsed_seconds() >= 0);
}

TEST_CASE("the remaining time never increases and is zero after the deadline") {
  const Deadline deadline = Deadline::in(milliseconds(2), {});
  milliseconds before = deadline.remaining();
  while (!deadline.expired()) {
    const milliseconds left = deadline.remaining();
    CHECK_MESSAGE(left <= before, left.count());
    before = left;
  }
  CHECK(deadline.remaining() == milliseconds(0));
}

TEST_CASE("the longest timeout overflows neither the clock nor the timeout of poll") {
  const Deadline longest = Deadline::in(milliseconds::max(), {});
  CHECK_FALSE(longest.expired());
  CHECK(longest.when() > Deadline::Clock::now());
  CHECK(longest.remaining() > std::chrono::hours(24 * 365));
  CHECK(longest.remaining_for_poll() > 0);
}
