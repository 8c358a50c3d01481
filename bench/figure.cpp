// SPDX-License-Identifier: Apache-2.0
#include "figure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace symmem::bench {
namespace {

/// "8.31 (8.02..11.4)"
std::string spread(const std::vector<double>& values) {
  if (values.empty()) return "-";
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return fmt::format("{:.3g} ({:.3g}..{:.3g})", median(values), *least, *most);
}

std::string text(const Goal& goal, const std::string& unit) {
  switch (goal.kind) {
    case Goal::Kind::none: return "";
    case Goal::Kind::ratio_at_most: return fmt::format("<= {:g}x", goal.bound);
    case Goal::Kind::ratio_at_least: return fmt::format(">= {:g}x", goal.bound);
    case Goal::Kind::at_most: return fmt::format("<= {:g} {}", goal.bound, unit);
    case Goal::Kind::above_floor_at_most:
      return fmt::format("<= floor + {:g} {}", goal.bound, unit);
  }
  return "";
}

}  // namespace

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double Figure::ratio() const {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(floor.size(), ours.size()); ++i)
    ratios.push_back(ours[i] / floor[i]);
  return median(ratios);
}

bool Figure::meets_goal() const {
  switch (goal.kind) {
    case Goal::Kind::none: return true;
    case Goal::Kind::ratio_at_most: return ratio() <= goal.bound;
    case Goal::Kind::ratio_at_least: return ratio() >= goal.bound;
    case Goal::Kind::at_most: return median(ours) <= goal.bound;
    case Goal::Kind::above_floor_at_most: return median(ours) <= median(floor) + goal.bound;
  }
  return false;
}

void print_table(const std::string& title, const std::vector<Figure>& figures) {
  fmt::print("\n{}\nmedian (least..most)\n", title);
  std::size_t width = 34;
  for (const Figure& figure : figures) width = std::max(width, figure.what.size());
  fmt::print("{:<{}} {:<5} {:<24} {:<24} {:<24} {:>6}  {}\n", "what", width, "unit", "baseline",
             "baseline value", "symmem", "ratio", "goal");
  for (const Figure& figure : figures) {
    const bool compared = !figure.floor.empty() && !figure.ours.empty();
    const std::string ratio = compared ? fmt::format("{:.2f}", figure.ratio()) : "-";
    const std::string goal = text(figure.goal, figure.unit);
    fmt::print("{:<{}} {:<5} {:<24} {:<24} {:<24} {:>6}  {}{}\n", figure.what, width, figure.unit,
               figure.floor_is, spread(figure.floor), spread(figure.ours), ratio, goal,
               goal.empty()          ? ""
               : figure.meets_goal() ? ": met"
                                     : ": MISSED");
  }
  std::fflush(stdout);
}

void print_json(const std::vector<Figure>& figures) {
  fmt::print("{}\n", nlohmann::json(figures).dump(1));
}

void to_json(nlohmann::json& json, const Figure& figure) {
  json = {{"what", figure.what},
          {"unit", figure.unit},
          {"floor_is", figure.floor_is},
          {"floor", figure.floor},
          {"ours", figure.ours},
          {"ratio", figure.ratio()},
          {"goal", text(figure.goal, figure.unit)},
          {"goal_kind", static_cast<int>(figure.goal.kind)},
          {"goal_bound", figure.goal.bound},
          {"good", figure.meets_goal()}};
}

void from_json(const nlohmann::json& json, Figure& figure) {
  json.at("what").get_to(figure.what);
  json.at("unit").get_to(figure.unit);
  json.at("floor_is").get_to(figure.floor_is);
  json.at("floor").get_to(figure.floor);
  json.at("ours").get_to(figure.ours);
  figure.goal.kind = static_cast<Goal::Kind>(json.at("goal_kind").get<int>());
  json.at("goal_bound").get_to(figure.goal.bound);
}

}  // namespace symmem::bench
