// SPDX-License-Identifier: Apache-2.0
#define DOCTEST_CONFIG_IMPLEMENT
// Disables the signal handlers of doctest. They would report a crash if a rank is stopped by a
// signal, and they make calls that are not async-signal-safe. Sanitizers report real crashes.
#define DOCTEST_CONFIG_NO_POSIX_SIGNALS
#include <doctest/doctest.h>

#include "harness/progress.hpp"

int main(int count, char** words) {
  doctest::Context context(count, words);
  const int result = context.run();
  // The options --help and --list-test-cases run no test.
  return context.shouldExit() ? result : symmem::harness::exit_code(result);
}
