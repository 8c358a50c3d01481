// SPDX-License-Identifier: Apache-2.0
#include "harness/program.hpp"

#include <doctest/doctest.h>

#include <filesystem>

#include "harness/ranks.hpp"

namespace symmem::harness {

Ran run_program(const std::vector<std::string>& words, const Environment& more) {
  Ran ran;
  ChildProcesses program([&ran](int, ChildStream stream, std::string_view line) {
    (stream == ChildStream::output ? ran.output : ran.errors) += std::string(line) + "\n";
  });
  program.start({words, environment_with(more)});
  const auto end = program.wait(0, Deadline::in(RanksSettings().deadline, {}));
  REQUIRE_MESSAGE(end, words[0] << " did not end; it wrote:\n" << ran.output << ran.errors);
  ran.code = end->shell_code();
  CHECK_MESSAGE(!ran.says("Sanitizer:"), ran.output << ran.errors);
  return ran;
}

std::string program_of_build(const std::string& name) {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

Environment environment_with(const Environment& more) {
  Environment environment = process_environment();
  for (const auto& [name, value] : more) {
    environment.erase(name);
    if (!value.empty()) environment[name] = value;
  }
  return environment;
}

}  // namespace symmem::harness
