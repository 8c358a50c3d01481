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

/// One collective call of a group, which ends the same on every rank. All ranks make the same
/// gathers. A rank that fails contributes its error to the next gather, and every rank then throws
/// one error that names it. The calls of a group match in call order, one at a time.
class Collective {
 public:
  /// Throws Error(invalid_argument) while another call of `group` runs. `operation` must be the
  /// same on all ranks. `group` must outlive this object.
  Collective(Group& group, std::string operation, const Deadline& deadline);

  /// Runs `contribute` and gathers its result, or its exception as an Error. Returns all ranks'
  /// results by rank. The first gather of a group also joins it.
  std::vector<std::string> gather(const std::function<std::string()>& contribute);

  const Deadline& deadline() const { return deadline_; }
  /// Identifies this call: equal on all ranks and unique in the group. Requires a gather.
  std::string serial() const { return std::to_string(sequence_); }
  /// Runs `body` and adds the operation and the group to any Error it throws.
  template <typename Body>
  auto run(Body body) {
    try {
      return body();
    } catch (Error& e) {
      e.add_context(title());
      throw;
    } catch (const std::exception& e) {  // From an application's Store.
      fail(Errc::internal, "{}: {}", title(), e.what());
    }
  }

 private:
  std::string title() const;
  void begin();
  /// Returns the values of a table of contributions; throws if the operations differ or any failed.
  std::vector<std::string> decode(const std::vector<std::string>& table) const;

  Group& group_;
  const std::string operation_;
  const Deadline deadline_;
  std::unique_lock<std::mutex> lock_;
  std::uint64_t sequence_ = 0;
  int step_ = 0;
};

}  // namespace symmem
