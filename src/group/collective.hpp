// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "base/check.hpp"
#include "base/deadline.hpp"
#include "group/group.hpp"

namespace symmem {

/// One collective call of a group, which ends the same on every rank: all go through the same
/// gathers, a rank that fails says so in the next one, and then every rank throws one error that
/// names it. Calls of one group match in call order; while one runs another is an error.
class Collective {
 public:
  /// Error(invalid_argument) if another runs. `operation` must be the same on all ranks.
  Collective(const std::shared_ptr<Group>& group, std::string operation, const Deadline& deadline);

  /// Runs `part` and gathers what it returns, or its Error. Returns all ranks' parts, by rank. The
  /// first one joins the group, if no collective call has.
  std::vector<std::string> gather(const std::function<std::string()>& part);

  const Deadline& deadline() const { return deadline_; }
  /// A name for this call, equal on all ranks and never used again in this group.
  std::string serial() const { return std::to_string(sequence_); }
  /// Runs `body` and adds the operation and group to the Error that it throws.
  template <typename Body>
  auto run(Body body) {
    try {
      return body();
    } catch (Error& e) {
      e.add_context(title());
      throw;
    } catch (const std::exception& e) {  // Of a Store of the caller's own.
      fail(Errc::internal, "{}: {}", title(), e.what());
    }
  }

 private:
  std::string title() const;
  void begin();
  std::vector<std::string> decode(const std::vector<std::string>& table) const;

  const std::shared_ptr<Group> group_;
  const std::string operation_;
  const Deadline deadline_;
  std::unique_lock<std::mutex> lock_;
  std::uint64_t sequence_ = 0;
  int step_ = 0;
};

}  // namespace symmem
