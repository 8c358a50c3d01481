// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "symmem/extend/store.hpp"

namespace symmem {

/// A store for one process. Its gathers return the values that a function of the test computes.
class StubStore : public Store {
 public:
  /// Computes the values of all ranks from the caller's value.
  using Answer = std::function<std::vector<std::string>(const std::string& mine)>;
  explicit StubStore(Answer answer) : answer_(std::move(answer)) {}

  Membership join(const JoinRequest& request, std::shared_ptr<GroupListener>, Timeout) override {
    std::vector<Process> members(static_cast<std::size_t>(request.world_size), request.process);
    return {"id", request.group, request.rank, std::move(members)};
  }
  std::vector<std::string> gather(const Membership&, const std::string&, const std::string& value,
                                  Timeout) override {
    return answer_(value);
  }
  void end(const Membership&, Timeout) override {}
  void leave(const Membership&) override {}

 private:
  const Answer answer_;
};

}  // namespace symmem
