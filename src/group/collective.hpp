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

/// One collective call of a group. It has the same outcome on every rank. All ranks must make the
/// same gathers. A rank that fails contributes its error to the next gather, and every rank then
/// throws the same error, which names the failed rank. The calls of a group are matched by their
/// order, and only one may run at a time.
class Collective {
 public:
  /// Throws Error(invalid_argument) while another call of `group` runs. `operation` must be the
  /// same on all ranks. `group` must outlive this object.
  Collective(Group& group, std::string operation, const Deadline& deadline);

  /// Runs `contribute` and gathers its result, or its exception as an Error. Returns the results of
  /// all ranks, indexed by rank. The first gather of a group also joins the group.
  std::vector<std::string> gather(const std::function<std::string()>& contribute);

  const Deadline& deadline() const { return deadline_; }
  /// Returns an id of this call that is equal on all ranks and unique in the group. Valid after the
  /// first gather.
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
  /// Decodes a table of contributions and returns the values. Throws if the operations differ or a
  /// rank failed.
  std::vector<std::string> decode(const std::vector<std::string>& table) const;

  Group& group_;
  const std::string operation_;
  const Deadline deadline_;
  std::unique_lock<std::mutex> lock_;
  std::uint64_t sequence_ = 0;
  int step_ = 0;
};

}  // namespace symmem
