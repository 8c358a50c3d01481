// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "system/run.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

/// Returns the words that each rank wrote; the key is the rank's line prefix, such as "[0]".
std::map<std::string, Words> words_of(const Ran& ran) {
  std::map<std::string, Words> words;
  std::istringstream text(ran.output);
  for (std::string prefix, line; text >> prefix && std::getline(text, line);) {
    std::istringstream rest(line);
    for (std::string word; rest >> word;) words[prefix].push_back(word);
  }
  return words;
}

const char* const kEcho = "echo $SYMMEM_HOST_ID $SYMMEM_LOCAL_RANK $SYMMEM_RANK";

}  // namespace

TEST_CASE("each simulated host has an id, and the local ranks on it start at 0") {
  auto words = words_of(run({"-n", "5", "--nodes", "2", "sh", "-c", kEcho}));
  REQUIRE(words.size() == 5);
  for (auto& [prefix, of_rank] : words) REQUIRE(of_rank.size() == 3);
  const std::string first = words["[0]"][0], second = words["[3]"][0];
  CHECK(first.find("node0-") == 0);
  CHECK(second.find("node1-") == 0);
  CHECK(words["[0]"] == Words{first, "0", "0"});
  CHECK(words["[1]"] == Words{first, "1", "1"});
  CHECK(words["[2]"] == Words{first, "2", "2"});
  CHECK(words["[3]"] == Words{second, "0", "3"});
  CHECK(words["[4]"] == Words{second, "1", "4"});
}

TEST_CASE("two jobs have different host ids, and without --nodes no host id is set") {
  const Words one = {"-n", "1", "--nodes", "1", "sh", "-c", kEcho};
  CHECK(words_of(run(one))["[0]"] != words_of(run(one))["[0]"]);
  CHECK(words_of(run({"-n", "1", "sh", "-c", kEcho}, {{"SYMMEM_HOST_ID", ""}}))["[0]"] ==
        Words{"0", "0"});
}

TEST_CASE("the launcher warns about variables that it overrides") {
  const Ran ran = run({"-n", "1", "--nodes", "1", "true"},
                      {{"SYMMEM_STORE", "tcp://there:1/job"}, {"SYMMEM_HOST_ID", "mine"}});
  CHECK(ran.code == 0);
  CHECK(ran.says("SYMMEM_STORE is set"));
  CHECK(ran.says("SYMMEM_HOST_ID is set"));
  CHECK(!ran.says("SYMMEM_RANK"));
  CHECK(!run({"-n", "1", "true"}, {{"SYMMEM_HOST_ID", "mine"}}).says("SYMMEM_HOST_ID"));
}

TEST_CASE("ranks share memory within a simulated host, but not between two simulated hosts") {
  const std::string specimen = program_of_build("harness_specimens");
  const std::string filter = "--test-case=ranks of a launcher share memory";
  const Ran one = run({"-n", "3", "--nodes", "1", specimen, filter});
  CHECK_MESSAGE(one.code == 0, one.output << one.errors);
  const Ran two =
      run({"-n", "3", "--nodes", "2", specimen, filter}, {{"SYMMEM_TRANSPORTS", "shm"}});
  CHECK(two.code == 1);
  CHECK_MESSAGE(two.says("another host (id node"), two.output << two.errors);
}

TEST_CASE("the error for an invalid number of simulated hosts is one line") {
  const auto fails = [](const Words& words, const std::string& text) {
    const Ran ran = run(words);
    INFO(ran.errors);
    CHECK(ran.code == 2);
    CHECK(ran.output.empty());
    CHECK(std::count(ran.errors.begin(), ran.errors.end(), '\n') == 1);
    CHECK(ran.says(text));
  };
  fails({"-n", "2", "--nodes", "3", "true"}, "--nodes 3 is more than --ranks 2");
  for (const char* nodes : {"0", "-1", "x", "", "99999999999999999999"})
    fails({"-n", "2", "--nodes", nodes, "true"}, "--nodes");
  fails({"-n", "2", "--netns", "true"}, "--netns requires --nodes");
  fails({"-n", "300", "--nodes", "254", "--netns", "true"}, "253");
}
