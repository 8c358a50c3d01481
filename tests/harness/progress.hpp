// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace symmem::harness {

/// Return the arguments with which this program runs only the current test case.
std::string current_test_filter();
std::string current_file_filter();
/// Whether a check failed, or a test case threw, in this process.
bool anything_failed();
/// Returns the number of this call in the current test case: 1, 2, ...
int next_call();

/// Prints why the current test case cannot run here; the test case must then return. If all test
/// cases of the run are skipped and none failed, the program exits with code 77.
void skip(const std::string& reason);
/// Returns the exit code of this program, given that of doctest.
int exit_code(int result);

}  // namespace symmem::harness
