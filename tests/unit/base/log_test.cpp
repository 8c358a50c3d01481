// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <functional>

#include "base/unique_handle.hpp"
#include "harness/errors.hpp"

using namespace symmem;
using harness::contains;

namespace {

/// Returns the text that `write` writes to stderr.
std::string errors_of(const std::function<void()>& write) {
  const Fd file(::memfd_create("stderr", MFD_CLOEXEC)), kept(::dup(STDERR_FILENO));
  std::fflush(stderr);
  ::dup2(file.get(), STDERR_FILENO);
  write();
  std::fflush(stderr);
  ::dup2(kept.get(), STDERR_FILENO);
  std::string text(static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END)), '\0');
  REQUIRE(::pread(file.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  return text;
}

}  // namespace

TEST_CASE("a line contains the pid, the level, the text and, after name_rank(), the rank") {
  const std::string text = errors_of([] {
    Log log(LogLevel::info);
    log.info("early {}", 1);
    log.name_rank(3);
    log.warn("late {}", "two");
  });
  const std::string pid = ":" + std::to_string(::getpid());
  CHECK(contains(text, pid + " info: early 1\n"));
  CHECK(contains(text, pid + " rank 3 warning: late two\n"));
}

TEST_CASE("lines below the level of the log are not written") {
  CHECK(errors_of([] { Log(LogLevel::warn).info("quiet"); }).empty());
  CHECK(contains(errors_of([] { Log(LogLevel::warn).warn("loud"); }), "loud"));
  CHECK(errors_of([] { Log(LogLevel::off).write(LogLevel::error, "quiet"); }).empty());
  CHECK(contains(errors_of([] { Log(LogLevel::debug).write(LogLevel::debug, "fine"); }), "fine"));
  const Log log(LogLevel::error);
  CHECK_FALSE(log.shows(LogLevel::warn));
  CHECK(log.shows(LogLevel::error));
}

TEST_CASE("braces in an argument are printed, and two Logs of one process print different ranks") {
  CHECK(contains(errors_of([] { Log(LogLevel::info).info("{}", "{0} {bad"); }), "{0} {bad"));
  const std::string text = errors_of([] {
    Log one(LogLevel::info), two(LogLevel::info);
    one.name_rank(1), two.name_rank(2);
    one.info("a"), two.info("b");
  });
  CHECK(contains(text, "rank 1 info: a"));
  CHECK(contains(text, "rank 2 info: b"));
}
