// SPDX-License-Identifier: Apache-2.0
#include "launch/find_launch.hpp"

#include <fmt/format.h>

#include "base/check.hpp"
#include "base/parse.hpp"
#include "launch/launchers.hpp"
#include "options/options.hpp"

namespace symmem {
namespace {

std::optional<int> read_number(const Environment& environment, const std::string& name, int min,
                               const std::string& launcher) {
  const std::string_view text = value_of(environment, name);
  if (text.empty()) return std::nullopt;
  const auto value = parse_whole(text, min, kMaxRanks);
  require(value.has_value(), Errc::invalid_argument,
          "{}={} ({}) is not a whole number from {} to {}; correct it, or set SYMMEM_RANK "
          "and SYMMEM_WORLD_SIZE, which take precedence",
          name, in_quotes(text), launcher, min, kMaxRanks);
  return static_cast<int>(*value);
}

void require_in_range(const std::string& what, int rank, int world_size) {
  require(rank < world_size, Errc::invalid_argument,
          "{}: rank {} is out of range, the world size is {} (ranks are 0 to {})", what, rank,
          world_size, world_size - 1);
}

/// Returns the launch that the options define, or nullopt if neither rank nor world size is set.
std::optional<Launch> read_options_launch(const Options& options) {
  if (!options.rank && !options.world_size) return std::nullopt;
  require(options.rank && options.world_size, Errc::invalid_argument,
          "{} is set but {} is not: set both or neither",
          options.rank ? "SYMMEM_RANK" : "SYMMEM_WORLD_SIZE",
          options.rank ? "SYMMEM_WORLD_SIZE" : "SYMMEM_RANK");
  Launch launch;
  launch.origin = "SYMMEM_RANK";
  launch.rank = *options.rank;
  launch.world_size = *options.world_size;
  require_in_range("SYMMEM_RANK", launch.rank, launch.world_size);
  return launch;
}

/// Returns the launch that the variables of `launcher` define, or nullopt if this launcher did not
/// start this process.
std::optional<Launch> read_launcher(const Launcher& launcher, const Environment& environment) {
  for (const std::string& name : launcher.needs)
    if (value_of(environment, name).empty()) return std::nullopt;
  const std::string rank_name = first_set(environment, launcher.rank);
  const std::string size_name = first_set(environment, launcher.world_size);
  if (rank_name.empty() && size_name.empty()) return std::nullopt;
  require(!rank_name.empty() && !size_name.empty(), Errc::invalid_argument,
          "{}{} is set but {} is not, so the rank of this process is unknown; set "
          "SYMMEM_RANK and SYMMEM_WORLD_SIZE (0 and 1 for a single rank)",
          rank_name, size_name,
          fmt::join(rank_name.empty() ? launcher.rank : launcher.world_size, " or "));
  Launch launch;
  launch.origin = launcher.name;
  launch.rank = *read_number(environment, rank_name, 0, launcher.name);
  launch.world_size = *read_number(environment, size_name, 1, launcher.name);
  require_in_range(rank_name + "=" + std::to_string(launch.rank) + " (" + launcher.name + ")",
                   launch.rank, launch.world_size);
  launch.local_rank =
      read_number(environment, first_set(environment, launcher.local_rank), 0, launcher.name);
  launch.store = launcher.store(environment, launch);
  if (launcher.ambiguous && value_of(environment, "LOCAL_RANK").empty())
    launch.warnings.push_back(
        fmt::format("read rank {}/{} from {} and {}; on some platforms these variables count "
                    "hosts, not processes; in this case set SYMMEM_RANK and SYMMEM_WORLD_SIZE",
                    launch.rank, launch.world_size, rank_name, size_name));
  return launch;
}

/// Adds a missing local rank or store address to `launch` if `launcher` sets the same rank and
/// world size. Ignores a launcher whose variables are invalid, because `launch` does not depend on
/// the launcher.
void fill_gaps(Launch& launch, const Launcher& launcher, const Environment& environment) {
  if (launch.local_rank && launch.store) return;
  try {
    const auto other = read_launcher(launcher, environment);
    if (!other || other->rank != launch.rank || other->world_size != launch.world_size) return;
    if (!launch.local_rank) launch.local_rank = other->local_rank;
    if (!launch.store) launch.store = other->store;
  } catch (const Error&) {
  }
}

}  // namespace

Launch find_launch(const Options& options, const Environment& environment) {
  std::optional<Launch> found = read_options_launch(options);
  for (const Launcher& launcher : launchers()) {
    if (found)
      fill_gaps(*found, launcher, environment);
    else
      found = read_launcher(launcher, environment);
  }
  Launch launch = found.value_or(Launch());
  if (options.local_rank) launch.local_rank = options.local_rank;
  if (launch.world_size == 1) launch.local_rank = launch.local_rank.value_or(0);
  if (!options.store.empty()) {
    const auto url = parse_store_url(options.store);
    require(url.has_value(), Errc::invalid_argument, "SYMMEM_STORE={} is not allowed: give {}",
            in_quotes(options.store), kStoreUrlForm);
    launch.store = StoreAddress{url->host, url->port, 1, url->job};
  }
  return launch;
}

}  // namespace symmem
