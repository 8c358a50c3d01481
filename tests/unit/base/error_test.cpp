// SPDX-License-Identifier: Apache-2.0
#include "symmem/error.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <set>

#include "base/check.hpp"
#include "harness/errors.hpp"

using namespace symmem;
using namespace symmem::harness;

TEST_CASE("every code has a name of its own") {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(Errc::internal); ++code)
    names.insert(to_string(static_cast<Errc>(code)));
  CHECK(names.size() == static_cast<std::size_t>(Errc::internal) + 1);
  CHECK_FALSE(names.contains("unknown"));
  CHECK(to_string(Errc::peer_lost) == "peer_lost");
}

TEST_CASE("each caller further out puts what it was doing before the message") {
  Error error(Errc::timeout, "no answer");
  error.add("attach rank 2");
  Error copy = error;
  error.add("rendezvous");
  CHECK(std::string(error.what()) == "rendezvous: attach rank 2: no answer");
  CHECK(std::string(copy.what()) == "attach rank 2: no answer");
  CHECK(copy.code() == Errc::timeout);
}

TEST_CASE("fail and require throw the formatted message, and only if they must") {
  check_error([] { fail(Errc::refused, "{} and {}", 1, "two"); }, Errc::refused, {"1 and two"});
  CHECK_NOTHROW(require(true, Errc::internal, "{}", 1));
  check_error([] { require(false, Errc::internal, "{}", 1); }, Errc::internal, {"1"});
}

TEST_CASE("a failed system call says what, why, and whether something ran out") {
  for (const int error : {ENOMEM, EMFILE, ENFILE, ENOSPC})
    check_error([&] { fail_errno(error, "mmap of 3 bytes"); }, Errc::exhausted,
                {"mmap of 3 bytes: "});
  check_error([] { fail_errno(EBADF, "fstat"); }, Errc::internal, {"fstat: Bad file descriptor"});
}

TEST_CASE("an error for want of descriptors names the limit") {
  check_error([] { fail_errno(EMFILE, "pipe"); }, Errc::exhausted, {"pipe: ", "RLIMIT_NOFILE"});
}
