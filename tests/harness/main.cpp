// SPDX-License-Identifier: Apache-2.0
#define DOCTEST_CONFIG_IMPLEMENT
// Being ended with the other ranks is no crash; doctest's handler would report one, by calls that
// no signal handler may make. Sanitizers report true crashes.
#define DOCTEST_CONFIG_NO_POSIX_SIGNALS
#include <doctest/doctest.h>

#include "harness/progress.hpp"

/// LSan guesses where the thread-local memory of libraries opened at run time lies (UCX is one). In
/// some memory layouts it guesses wrong, and ends the process by SIGSEGV. CUDA maps memory where
/// ASan has its shadow's gap.
extern "C" const char* __asan_default_options() {
  return "intercept_tls_get_addr=0:protect_shadow_gap=0";
}

int main(int count, char** words) {
  doctest::Context context(count, words);
  const int result = context.run();
  // --help and --list-test-cases end here, without a test.
  return context.shouldExit() ? result : symmem::harness::exit_code(result);
}
