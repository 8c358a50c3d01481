// SPDX-License-Identifier: Apache-2.0
#include "group/collective.hpp"

#include <map>

#include "base/check.hpp"
#include "base/error_location.hpp"
#include "base/wire.hpp"

namespace symmem {
namespace {

/// What one rank says in a gather; docs/wire.md, "Collective".
struct Part {
  std::string operation;
  bool failed = false;
  Errc code = Errc::internal;
  std::string value;  ///< Or the error's message.

  std::string encode() const {
    return Writer()
        .put(std::string_view(operation))
        .put(static_cast<std::uint8_t>(failed ? static_cast<int>(code) + 1 : 0))
        .put(std::string_view(value))
        .bytes();
  }
  static Part decode(const std::string& bytes) {
    Reader reader(bytes, "a rank's part in a collective call");
    Part part;
    part.operation = reader.string();
    const auto failure = reader.get<std::uint8_t>();
    require(failure <= static_cast<int>(Errc::internal) + 1, Errc::invalid_argument,
            "a rank's part in a collective call has unknown error code {}", failure);
    part.failed = failure != 0;
    if (part.failed) part.code = static_cast<Errc>(failure - 1);
    part.value = reader.string();
    reader.finish();
    return part;
  }
};

Part make_part(const std::string& operation, const std::function<std::string()>& make) {
  try {
    return {operation, false, {}, make()};
  } catch (const Error& e) {
    return {operation, true, e.code(), text_without_location(e)};
  } catch (const std::exception& e) {
    return {operation, true, Errc::internal, e.what()};
  } catch (...) {  // A transport of the application's own may throw anything.
    return {operation, true, Errc::internal, "something that is no std::exception was thrown"};
  }
}

/// At most this many ranks' errors are told in full.
constexpr std::size_t kMaxTold = 4;

}  // namespace

Collective::Collective(const std::shared_ptr<Group>& group, std::string operation,
                       const Deadline& deadline)
    : group_(group),
      operation_(std::move(operation)),
      deadline_(deadline),
      lock_(group->collective_mutex(), std::try_to_lock) {
  group_->fork().check();
  require(
      lock_.owns_lock(), Errc::invalid_argument,
      "{}: another thread is in a collective call of this group; such calls match in call order "
      "on all ranks, so make one at a time",
      title());
}

void Collective::begin() {
  group_->check_waitable({group_->rank()}, operation_.c_str());
  group_->join(deadline_);
  sequence_ = group_->next_sequence();
}

std::string Collective::title() const {
  return fmt::format("{} of group \"{}\"", operation_, group_->name());
}

std::vector<std::string> Collective::gather(const std::function<std::string()>& part) {
  if (step_ == 0) begin();
  const Part mine = make_part(operation_, part);
  const std::string key = fmt::format("{}/{}", sequence_, step_++);
  return decode(
      group_->store()->gather(group_->join(deadline_), key, mine.encode(), deadline_.remaining()));
}

std::vector<std::string> Collective::decode(const std::vector<std::string>& table) const {
  std::vector<std::string> values;
  std::map<std::string, std::vector<int>> operations;
  std::vector<std::string> failures;
  Errc code = Errc::internal;
  for (const std::string& bytes : table) {
    const int rank = static_cast<int>(values.size());
    Part part = Part::decode(bytes);
    operations[part.operation].push_back(rank);
    if (part.failed) {
      if (failures.empty()) code = part.code;
      failures.push_back(group_->describe(rank) + ": " + part.value);
    }
    values.push_back(std::move(part.value));
  }
  if (operations.size() > 1) {
    std::string text;
    for (const auto& [operation, ranks] : operations)
      text +=
          fmt::format("{}{} by {}", text.empty() ? "" : "; ", operation, group_->describe(ranks));
    fail(
        Errc::invalid_argument,
        "the ranks made different collective calls: {}; all ranks of a group must make them in the "
        "same order",
        text);
  }
  if (failures.empty()) return values;
  std::string text = fmt::format("failed on all {} ranks: ", table.size());
  for (std::size_t i = 0; i < std::min(failures.size(), kMaxTold); ++i)
    text += (i == 0 ? "" : "; ") + failures[i];
  if (failures.size() > kMaxTold)
    text += fmt::format("; and {} more ranks", failures.size() - kMaxTold);
  throw Error(code, text);
}

}  // namespace symmem
