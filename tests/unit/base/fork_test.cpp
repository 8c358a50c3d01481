// SPDX-License-Identifier: Apache-2.0
#include "base/fork.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/errors.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

/// Runs `check` in a forked child and returns its result.
bool holds_in_child(const std::function<bool()>& check) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(check() ? 0 : 1);
  int status = -1;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool refuses(const ForkGuard& guard) {
  const auto error = error_of([&] { guard.check(); });
  return error && error->code() == Errc::finished &&
         std::string(error->what()).find("fork()") != std::string::npos;
}

}  // namespace

TEST_CASE("a ForkGuard detects one or several forks after its construction") {
  const ForkGuard guard;
  CHECK_FALSE(guard.forked());
  CHECK_NOTHROW(guard.check());
  CHECK(holds_in_child([&] {
    const ForkGuard own;
    return guard.forked() && refuses(guard) && !own.forked() &&
           holds_in_child([&] { return refuses(guard) && refuses(own); }) && !own.forked();
  }));
  CHECK_FALSE(guard.forked());  // In the parent, forked() is still false.
}
