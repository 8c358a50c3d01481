// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "harness/program.hpp"
#include "options/options.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

Ran symmem_command(const std::vector<std::string>& words, const Environment& more = {}) {
  std::vector<std::string> all = {program_of_build("symmem")};
  all.insert(all.end(), words.begin(), words.end());
  return run_program(all, more);
}

}  // namespace

TEST_CASE("info shows build, transports, threads and every option") {
  const Ran ran = symmem_command({"info"});
  CHECK(ran.code == 0);
  for (const char* part : {"symmem ", "compiler", "cuda", "sanitizers", "transports  ", "host id",
                           "rank 0/1 local 0 (single rank)", "threads"})
    CHECK_MESSAGE(ran.says(part), part);
  for (const OptionRow& row : option_table()) CHECK(ran.says("  " + row.name + " "));
}

TEST_CASE("info --json is valid JSON, whatever bytes the environment contains") {
  const Ran ran = symmem_command(
      {"info", "--json"},
      {{"SYMMEM_TIMEOUT", "5s"}, {"SYMMEM_HOST_ID", "\xff\"\\"}, {"SYMMEM_SECRET", "open sesame"}});
  CHECK(ran.code == 0);
  CHECK_FALSE(ran.says("sesame"));
  const auto json = nlohmann::json::parse(ran.output);
  CHECK(json["version"].is_string());
  CHECK(json["transports"].is_array());
  CHECK(json["launch"]["world_size"] == 1);
  CHECK(json["host"]["id"] == "\xEF\xBF\xBD\"\\");
  CHECK(json["options"].size() == option_table().size());
  for (const auto& option : json["options"]) {
    if (option["name"] == "SYMMEM_TIMEOUT") {
      CHECK(option["value"] == "5s");
      CHECK(option["origin"] == "environment");
    }
    if (option["name"] == "SYMMEM_SECRET") CHECK(option["value"] == "(set)");
  }
}

TEST_CASE("info names a bad option in one line") {
  const Ran ran = symmem_command({"info"}, {{"SYMMEM_TIMEOUT", "soon"}});
  CHECK(ran.code == 2);
  CHECK(ran.output.empty());
  CHECK(ran.errors.find("symmem: SYMMEM_TIMEOUT=\"soon\" is not allowed: give a time") == 0);
  CHECK(std::count(ran.errors.begin(), ran.errors.end(), '\n') == 1);
}

TEST_CASE("info warns about a variable that is not an option") {
  const Ran ran = symmem_command({"info"}, {{"SYMMEM_TIMEOT", "5s"}});
  CHECK(ran.code == 0);
  CHECK(ran.says("did you mean SYMMEM_TIMEOUT?"));
}

TEST_CASE("the command has help and a version, and refuses unknown words") {
  CHECK(symmem_command({"--version"}).output.find("symmem ") == 0);
  CHECK(symmem_command({"--help"}).says("store"));
  CHECK(symmem_command({"run", "--help"}).says("Exit code"));
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{}, {"bogus"}, {"info", "--bogus"}, {"info", "extra"}}) {
    const Ran ran = symmem_command(words);
    CHECK(ran.code == 2);
    CHECK(ran.errors.find("symmem: ") == 0);
  }
}
