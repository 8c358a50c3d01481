// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "figure.hpp"

namespace symmem::bench {

/// A benchmark whose ranks are this same program, started again with --as-rank.
struct RankProgram {
  std::string description;
  int rounds = 15;  ///< Samples of each side, if --rounds does not say.
  int most_rounds = 1000;
  std::function<void(int rounds)> be_rank;
  std::function<std::vector<Figure>(int rounds)> measure;
  std::function<std::string()> title;  ///< Of the table.
  std::function<void(CLI::App&)> add_options = [](CLI::App&) {};
};

/// What a rank says: its figures, in one line, for figures_of.
void tell(const std::vector<Figure>& figures);
std::vector<Figure> figures_of(const std::string& line);

/// What the main of such a program does. `name` is for errors. Returns 77 if what is measured is
/// unsupported here.
int run_main(int argc, char** argv, const char* name, const RankProgram& program);

}  // namespace symmem::bench
