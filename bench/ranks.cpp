// SPDX-License-Identifier: Apache-2.0
#include "ranks.hpp"

#include <cstdio>

#include "base/check.hpp"
#include "base/environment.hpp"
#include "process/child_processes.hpp"
#include "symmem/key_value_store.hpp"

namespace symmem::bench {
namespace {

std::vector<std::string> run(const std::vector<ChildCommand>& commands) {
  std::vector<std::string> lines;
  ChildProcesses children([&](int child, ChildStream stream, std::string_view line) {
    if (stream == ChildStream::errors)
      std::fprintf(stderr, "[%d] %.*s\n", child, static_cast<int>(line.size()), line.data());
    else if (child == 0)
      lines.emplace_back(line);
  });
  for (const ChildCommand& command : commands) children.start(command);
  const Deadline deadline = Deadline::in(std::chrono::minutes(2), {});
  const JobEnd end = children.wait_all(deadline);
  require(end.cause == JobEnd::Cause::all_succeeded, Errc::internal, "{} {}",
          commands.front().words.front(),
          end.child >= 0 ? children.end(end.child)->text() : "ran for more than two minutes");
  return lines;
}

}  // namespace

std::vector<std::string> run_program(const std::vector<std::string>& words) {
  return run({{words, process_environment()}});
}

std::vector<std::string> run_ranks(int count, const std::vector<std::string>& arguments) {
  const StoreServer server({}, StoreServer::Serves::any_job);
  std::vector<ChildCommand> commands;
  for (int rank = 0; rank < count; ++rank) {
    ChildCommand command{{"/proc/self/exe"}, process_environment()};
    command.words.insert(command.words.end(), arguments.begin(), arguments.end());
    command.environment["SYMMEM_RANK"] = std::to_string(rank);
    command.environment["SYMMEM_WORLD_SIZE"] = std::to_string(count);
    command.environment["SYMMEM_STORE"] = server.url();
    commands.push_back(std::move(command));
  }
  return run(commands);
}

}  // namespace symmem::bench
