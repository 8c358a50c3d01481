// SPDX-License-Identifier: Apache-2.0
#include "symmem/error.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <set>

#include "base/check.hpp"
#include "base/error_location.hpp"
#include "base/log.hpp"
#include "base/wire.hpp"
#include "harness/errors.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

/// RAII object that restores error_locations_shown, so that other tests read messages without
/// locations.
struct RestoreLocations {
  const bool before = error_locations_shown;
  ~RestoreLocations() { error_locations_shown = before; }
};

template <typename Call>
Error thrown_by(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return {Errc::internal, "nothing was thrown"};
}

}  // namespace

TEST_CASE("every error code has a distinct name") {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(Errc::internal); ++code)
    names.insert(to_string(static_cast<Errc>(code)));
  CHECK(names.size() == static_cast<std::size_t>(Errc::internal) + 1);
  CHECK_FALSE(names.contains("unknown"));
  CHECK(to_string(Errc::peer_lost) == "peer_lost");
}

TEST_CASE("add_context prepends the operation to the message of an Error but not of its copies") {
  Error error(Errc::timeout, "no answer");
  error.add_context("attach rank 2");
  Error copy = error;
  error.add_context("rendezvous");
  CHECK(std::string(error.what()) == "rendezvous: attach rank 2: no answer");
  CHECK(std::string(copy.what()) == "attach rank 2: no answer");
  CHECK(copy.code() == Errc::timeout);
}

TEST_CASE("fail throws the formatted message, and require throws only if its condition is false") {
  check_error([] { fail(Errc::refused, "{} and {}", 1, "two"); }, Errc::refused, {"1 and two"});
  CHECK_NOTHROW(require(true, Errc::internal, "{}", 1));
  check_error([] { require(false, Errc::internal, "{}", 1); }, Errc::internal, {"1"});
}

TEST_CASE("fail_errno reports the operation and the reason, and whether a resource is exhausted") {
  for (const int error : {ENOMEM, EMFILE, ENFILE, ENOSPC})
    check_error([&] { fail_errno(error, "mmap of 3 bytes"); }, Errc::exhausted,
                {"mmap of 3 bytes: "});
  check_error([] { fail_errno(EBADF, "fstat"); }, Errc::internal, {"fstat: Bad file descriptor"});
}

TEST_CASE("fail_errno names RLIMIT_NOFILE if the descriptor limit is reached") {
  check_error([] { fail_errno(EMFILE, "pipe"); }, Errc::exhausted, {"pipe: ", "RLIMIT_NOFILE"});
}

TEST_CASE(
    "where() returns the line that called fail, require or fail_errno, or constructed the Error") {
  const auto check_line = [](const Error& error, unsigned line) {
    CHECK(error.where().line() == line);
    CHECK(std::string_view(error.where().file_name()).ends_with("tests/unit/base/error_test.cpp"));
  };
  check_line(thrown_by([] { fail(Errc::refused, "{}", 1); }), __LINE__);
  check_line(thrown_by([] { require(false, Errc::refused, "no values"); }), __LINE__);
  check_line(thrown_by([] { fail_errno(EBADF, "fstat"); }), __LINE__);
  check_line(Error(Errc::refused, "no"), __LINE__);
}

TEST_CASE("what() ends with the location only after a Log of level debug was constructed") {
  const RestoreLocations restore;
  error_locations_shown = false;
  const Log quiet(LogLevel::info);
  CHECK(std::string(Error(Errc::refused, "no").what()) == "no");
  const Log verbose(LogLevel::debug);
  Error error(Errc::refused, "no");
  const std::string line = std::to_string(error.where().line());
  error.add_context("attach");
  const std::string text = error.what();
  CHECK(text.starts_with("attach: no ["));
  CHECK(text.ends_with("tests/unit/base/error_test.cpp:" + line + "]"));
  CHECK(text_without_location(error) == "attach: no");
}

TEST_CASE("the location contains a path relative to the root of the source tree") {
  const RestoreLocations restore;
  error_locations_shown = true;
  const Error error = thrown_by([] { Reader("", "it").raw(1); });
  CHECK(
      contains(error.what(), " [src/base/wire.cpp:" + std::to_string(error.where().line()) + "]"));
}

TEST_CASE("text_without_location returns the message of an Error that has no location") {
  const RestoreLocations restore;
  error_locations_shown = false;
  const Error error(Errc::refused, "no");
  error_locations_shown = true;
  CHECK(text_without_location(error) == "no");
}
