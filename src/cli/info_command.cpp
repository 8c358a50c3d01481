// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/host.hpp"
#include "cli/commands.hpp"
#include "context/builtin.hpp"
#include "launch/find_launch.hpp"
#include "options/options.hpp"

namespace symmem::cli {
namespace {

/// A thread that symmem or one of its libraries starts.
struct Thread {
  const char* name;
  const char* purpose;
};
constexpr Thread kThreads[] = {
    {"symmem", "one per Context: exchanges messages with the store, and passes descriptors"},
    {"symmem", "one per store server, in rank 0, `symmem run` or `symmem store`"},
    {"symmem-ucx", "one per Context that uses UCX: progresses operations and serves peers"},
    {"async", "started by UCX, if UCX is used"},
    {"cuda...", "started by the CUDA driver, if GPU memory is used"},
    {"symmem-resolve", "during join, while a host name is resolved"},
};

struct Facts {
  std::vector<BuildFact> build = build_facts();
  std::vector<std::string> transports = builtin_transport_names();
  Environment environment = process_environment();
  Options options = read_options(environment);
  std::string host = host_name();
  std::string host_id =
      options.host_id.empty() ? measure_host_id(options.socket_dir.empty()) : options.host_id;
  Launch launch = find_launch(options, environment);
  std::vector<ShownOption> shown = show_options(options, environment);
};

void print_json(const Facts& facts) {
  nlohmann::ordered_json json;
  json["version"] = version();
  for (const BuildFact& fact : facts.build) json["build"][fact.name] = fact.value;
  json["transports"] = facts.transports;
  json["host"] = {{"name", facts.host}, {"id", facts.host_id}};
  json["launch"] = {{"rank", facts.launch.rank},
                    {"world_size", facts.launch.world_size},
                    {"origin", facts.launch.origin}};
  for (const Thread& thread : kThreads)
    json["threads"].push_back({{"name", thread.name}, {"purpose", thread.purpose}});
  for (const ShownOption& option : facts.shown)
    json["options"].push_back({{"name", option.name},
                               {"value", option.value},
                               {"origin", option.origin},
                               {"help", option.help}});
  // A variable may contain bytes that are not UTF-8; U+FFFD replaces these bytes.
  fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

void print_text(const Facts& facts) {
  fmt::print("symmem {}\n", version());
  for (const BuildFact& fact : facts.build) fmt::print("{:<12}{}\n", fact.name, fact.value);
  fmt::print("{:<12}{}\n", "transports", fmt::join(facts.transports, ", "));
  fmt::print("{:<12}{}\n{:<12}{}\n", "host", facts.host, "host id", facts.host_id);
  fmt::print("{:<12}{}\n", "launch", facts.launch.text());
  fmt::print("\nthreads\n");
  for (const Thread& thread : kThreads) fmt::print("  {:<20}{}\n", thread.name, thread.purpose);
  fmt::print("\noptions\n");
  for (const ShownOption& option : facts.shown)
    fmt::print("  {:<20}{} ({})\n", option.name, option.value, option.origin);
}

}  // namespace

int info(const InfoCommand& command) {
  if (command.options_markdown) {
    fmt::print("{}", options_markdown());
    return 0;
  }
  const Facts facts;
  for (const std::string& warning : unknown_option_warnings(facts.environment))
    fmt::print(stderr, "symmem: {}\n", warning);
  command.json ? print_json(facts) : print_text(facts);
  return 0;
}

}  // namespace symmem::cli
