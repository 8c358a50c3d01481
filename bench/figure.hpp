// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace symmem::bench {

/// The requirement on a figure.
struct Goal {
  enum class Kind { none, ratio_at_most, ratio_at_least, at_most, above_floor_at_most };
  Kind kind = Kind::none;
  double bound = 0;
};

/// Samples of one operation and of its floor (baseline): the hardware, the bare call, or another
/// library. The two are sampled alternately, so that a disturbance of the machine affects both;
/// floor[i] belongs to ours[i].
struct Figure {
  std::string what;
  std::string unit;
  std::string floor_is;  ///< "memcpy 8 B"; empty: no floor.
  std::vector<double> floor;
  std::vector<double> ours;
  Goal goal;

  /// Returns the median of ours[i] / floor[i].
  double ratio() const;
  bool meets_goal() const;
};

double median(std::vector<double> values);

/// Prints a table of medians, minima and maxima.
void print_table(const std::string& title, const std::vector<Figure>& figures);
/// Prints all samples as JSON.
void print_json(const std::vector<Figure>& figures);

void to_json(nlohmann::json& json, const Figure& figure);
void from_json(const nlohmann::json& json, Figure& figure);

/// Calls `call` `count` times. Returns the seconds of one call.
template <typename Call>
double seconds_each(int count, Call&& call) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < count; ++i) call();
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  return time.count() / count;
}

/// Samples figure.floor and figure.ours alternately, `rounds` times each, after one warm-up round.
template <typename Floor, typename Ours>
void alternate(Figure& figure, int rounds, Floor&& floor, Ours&& ours) {
  floor();
  ours();
  for (int i = 0; i < rounds; ++i) {
    figure.floor.push_back(floor());
    figure.ours.push_back(ours());
  }
}

}  // namespace symmem::bench
