// SPDX-License-Identifier: Apache-2.0
#include "program.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "symmem/error.hpp"

namespace symmem::bench {

void report(const std::vector<Figure>& figures) {
  fmt::print("{}\n", nlohmann::json(figures).dump());
}

std::vector<Figure> figures_of(const std::string& line) {
  return nlohmann::json::parse(line).get<std::vector<Figure>>();
}

int run_main(int argc, char** argv, const char* name, const RankProgram& program) try {
  CLI::App app(program.description);
  bool json = false, as_rank = false;
  int rounds = program.rounds;
  app.add_flag("--json", json, "print all samples as JSON");
  app.add_option("--rounds", rounds, "number of samples of symmem and of the floor")
      ->check(CLI::Range(1, program.most_rounds));
  app.add_flag("--as-rank", as_rank, "run as a rank (internal)")->group("");
  program.add_options(app);
  CLI11_PARSE(app, argc, argv);
  if (as_rank) {
    program.run_rank(rounds);
    return 0;
  }
  std::vector<Figure> figures;
  try {
    figures = program.measure(rounds);
  } catch (const Error& e) {
    if (e.code() != Errc::unsupported) throw;
    fmt::print("skipped: {}\n", e.what());
    return 77;
  }
  if (json)
    print_json(figures);
  else
    print_table(program.title(), figures);
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s: %s\n", name, e.what());
  return 1;
}

}  // namespace symmem::bench
