// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace symmem::harness {

/// Where the run of the tests stands.

/// The arguments with which this program runs the current test case, and it alone.
std::string current_test_filter();
std::string current_file_filter();
/// True if a check failed, or an exception was thrown, in this process.
bool anything_failed();
/// Counts the calls that start ranks in the current test case: 1, 2, ...
int next_call();

/// Says on stdout why the current test case cannot run here. Return from it afterwards. If all test
/// cases of the run say so and nothing failed, the program exits with code 77: skipped.
void skip(const std::string& reason);
/// The exit code of this program, given doctest's.
int exit_code(int result);

}  // namespace symmem::harness
