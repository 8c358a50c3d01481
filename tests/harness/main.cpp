// SPDX-License-Identifier: Apache-2.0
#define DOCTEST_CONFIG_IMPLEMENT
// Being ended with the other ranks is no crash; doctest's handler would report one, by calls that
// no signal handler may make. Sanitizers report true crashes.
#define DOCTEST_CONFIG_NO_POSIX_SIGNALS
#include <doctest/doctest.h>

#include "harness/progress.hpp"

int main(int count, char** words) {
  doctest::Context context(count, words);
  const int result = context.run();
  // --help and --list-test-cases end here, without a test.
  return context.shouldExit() ? result : symmem::harness::exit_code(result);
}
