// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "figure.hpp"

namespace symmem::bench {

/// A benchmark that starts its own program once per rank, with --as-rank.
struct RankProgram {
  std::string description;
  int rounds = 15;  ///< Default of --rounds: samples of symmem and of the floor.
  int most_rounds = 1000;
  std::function<void(int rounds)> run_rank;
  std::function<std::vector<Figure>(int rounds)> measure;
  std::function<std::string()> title;  ///< Heading of the table.
  std::function<void(CLI::App&)> add_options = [](CLI::App&) {};
};

/// Prints the figures of a rank in one line, which figures_of parses.
void report(const std::vector<Figure>& figures);
std::vector<Figure> figures_of(const std::string& line);

/// The main function of a RankProgram. `name` prefixes errors. Returns 77 if `measure` throws
/// Error(unsupported).
int run_main(int argc, char** argv, const char* name, const RankProgram& program);

}  // namespace symmem::bench
