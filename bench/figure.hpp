// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace symmem::bench {

/// What a figure must be to be called good.
struct Goal {
  enum class Kind { none, ratio_at_most, ratio_at_least, at_most, above_floor_at_most };
  Kind kind = Kind::none;
  double bound = 0;
};

/// One thing measured, beside its floor: what the hardware, or the bare call, or the peer does. The
/// two were measured in turn, A B A B, so that what disturbs the machine disturbs both; hence
/// floor[i] belongs to ours[i].
struct Figure {
  std::string what;
  std::string unit;
  std::string floor_is;  ///< "memcpy 8 B"; empty: nothing to compare with.
  std::vector<double> floor;
  std::vector<double> ours;
  Goal goal;

  /// The median of ours[i] / floor[i].
  double ratio() const;
  bool good() const;
};

double median(std::vector<double> values);

/// A table for people: medians, with the least and the most beside them.
void print_table(const std::string& title, const std::vector<Figure>& figures);
/// All samples, for programs.
void print_json(const std::vector<Figure>& figures);

void to_json(nlohmann::json& json, const Figure& figure);
void from_json(const nlohmann::json& json, Figure& figure);

/// Seconds that one of `count` calls of `call` takes.
template <typename Call>
double seconds_each(int count, Call&& call) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < count; ++i) call();
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  return time.count() / count;
}

/// Fills figure.floor and figure.ours, `rounds` of each in turn, after one round for the caches.
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
