// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "harness/program.hpp"

namespace symmem::harness {

using Words = std::vector<std::string>;

/// Returns the command `symmem run` followed by `words`.
inline Words run_words(const Words& words) {
  Words all = {program_of_build("symmem"), "run"};
  all.insert(all.end(), words.begin(), words.end());
  return all;
}

inline Ran run(const Words& words, const Environment& more = {}) {
  return run_program(run_words(words), more);
}

}  // namespace symmem::harness
