// SPDX-License-Identifier: Apache-2.0
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "harness/progress.hpp"

int main(int count, char** words) {
  doctest::Context context(count, words);
  const int result = context.run();
  // --help and --list-test-cases end here, without a test.
  return context.shouldExit() ? result : symmem::harness::exit_code(result);
}
