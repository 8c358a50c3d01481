// SPDX-License-Identifier: Apache-2.0
#include "group/collective.hpp"

#include <map>

#include "base/check.hpp"
#include "base/error_location.hpp"
#include "base/wire.hpp"

namespace symmem {
namespace {

/// One rank's contribution to a gather. Format: docs/wire.md, "Collective parts".
struct Contribution {
  std::string operation;
  bool failed = false;
  Errc code = Errc::internal;
  std::string value;  ///< The result, or the error message if `failed` is true.

  std::string encode() const {
    return Writer()
        .put(std::string_view(operation))
        .put(static_cast<std::uint8_t>(failed ? static_cast<int>(code) + 1 : 0))
        .put(std::string_view(value))
        .bytes();
  }
  static Contribution decode(const std::string& bytes) {
    Reader reader(bytes, "a rank's contribution to a collective call");
    Contribution result;
    result.operation = reader.string();
    const auto failure = reader.get<std::uint8_t>();
    require(failure <= static_cast<int>(Errc::internal) + 1, Errc::invalid_argument,
            "a rank's contribution to a collective call has unknown error code {}", failure);
    result.failed = failure != 0;
    if (result.failed) result.code = static_cast<Errc>(failure - 1);
    result.value = reader.string();
    reader.finish();
    return result;
  }
};

/// Runs `contribute` and encodes its result or its exception.
Contribution make_contribution(const std::string& operation,
                               const std::function<std::string()>& contribute) {
  try {
    return {operation, false, {}, contribute()};
  } catch (const Error& e) {
    return {operation, true, e.code(), text_without_location(e)};
  } catch (const std::exception& e) {
    return {operation, true, Errc::internal, e.what()};
  } catch (...) {  // An application's transport may throw any type.
    return {operation, true, Errc::internal,
            "an exception that is not a std::exception was thrown"};
  }
}

/// An error message quotes the errors of at most this many ranks and counts the other ranks.
constexpr std::size_t kMaxQuoted = 4;

/// Returns the name of a call for error messages. On the wire, the rendezvous of a span has the
/// older name register_buffer.
std::string shown(const std::string& operation) {
  return operation == "register_buffer" ? "rendezvous of a span" : operation;
}

}  // namespace

Collective::Collective(Group& group, std::string operation, const Deadline& deadline)
    : group_(group),
      operation_(std::move(operation)),
      deadline_(deadline),
      lock_(group.collective_mutex(), std::try_to_lock) {
  group_.fork().check();
  require(lock_.owns_lock(), Errc::invalid_argument,
          "{}: another thread is in a collective call of this group; ranks match "
          "collective calls by their order, so make one call at a time",
          title());
}

void Collective::begin() {
  group_.check_waitable({group_.rank()}, operation_.c_str());
  group_.join(deadline_);
  sequence_ = group_.next_sequence();
}

std::string Collective::title() const {
  return fmt::format("{} of group \"{}\"", shown(operation_), group_.name());
}

std::vector<std::string> Collective::gather(const std::function<std::string()>& contribute) {
  if (step_ == 0) begin();
  const Contribution mine = make_contribution(operation_, contribute);
  const std::string key = fmt::format("{}/{}", sequence_, step_++);
  const std::vector<std::string> table =
      group_.store()->gather(group_.join(deadline_), key, mine.encode(), deadline_.remaining());
  require(table.size() == static_cast<std::size_t>(group_.world_size()), Errc::internal,
          "the store returned {} values from a gather of {} ranks", table.size(),
          group_.world_size());
  return decode(table);
}

std::vector<std::string> Collective::decode(const std::vector<std::string>& table) const {
  std::vector<std::string> values;
  std::map<std::string, std::vector<int>> operations;
  std::vector<std::string> failures;
  Errc code = Errc::internal;
  for (const std::string& bytes : table) {
    const int rank = static_cast<int>(values.size());
    Contribution theirs = Contribution::decode(bytes);
    operations[theirs.operation].push_back(rank);
    if (theirs.failed) {
      if (failures.empty()) code = theirs.code;
      failures.push_back(group_.describe(rank) + ": " + theirs.value);
    }
    values.push_back(std::move(theirs.value));
  }
  if (operations.size() > 1) {
    std::string text;
    for (const auto& [operation, ranks] : operations)
      text += fmt::format("{}{} by {}", text.empty() ? "" : "; ", shown(operation),
                          group_.describe(ranks));
    fail(Errc::invalid_argument,
         "the ranks made different collective calls: {}; all ranks of a group must make the same "
         "calls in the same order",
         text);
  }
  if (failures.empty()) return values;
  std::string text = fmt::format("failed on all {} ranks: ", table.size());
  for (std::size_t i = 0; i < std::min(failures.size(), kMaxQuoted); ++i)
    text += (i == 0 ? "" : "; ") + failures[i];
  if (failures.size() > kMaxQuoted)
    text += fmt::format("; and {} more ranks", failures.size() - kMaxQuoted);
  throw Error(code, text);
}

}  // namespace symmem
