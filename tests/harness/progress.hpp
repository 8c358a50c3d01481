// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace symmem::harness {

/// Both functions return a doctest argument. With both arguments this program runs only the current
/// test case.
std::string current_test_filter();
std::string current_file_filter();
/// Returns whether a check has failed or a test case has thrown in this process.
bool anything_failed();
/// Returns the number of calls of this function in the current test case, including this call.
int next_call();

/// Marks the current test case as skipped and prints `reason`. The test case must then return. If
/// all test cases of the run are skipped and none failed, the program exits with code 77.
void skip(const std::string& reason);
/// Returns the exit code of this program if doctest returned `result`.
int exit_code(int result);

}  // namespace symmem::harness
