// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "base/check.hpp"
#include "symmem/extend/store.hpp"

namespace symmem {

/// A store that joins at once and whose gathers return a table made by the test. Every other call
/// fails.
class StubStore : public Store {
 public:
  /// Makes all ranks' values from this rank's.
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

  void set(const std::string&, const std::string&, Timeout) override { nothing_else(); }
  std::string get(const std::string&, Timeout) override { nothing_else(); }
  std::int64_t add(const std::string&, std::int64_t, Timeout) override { nothing_else(); }
  std::string compare_set(const std::string&, const std::string&, const std::string&,
                          Timeout) override {
    nothing_else();
  }
  void wait(const std::vector<std::string>&, Timeout) override { nothing_else(); }
  bool check(const std::vector<std::string>&, Timeout) override { nothing_else(); }
  void append(const std::string&, const std::string&, Timeout) override { nothing_else(); }
  bool delete_key(const std::string&, Timeout) override { nothing_else(); }
  std::int64_t num_keys(Timeout) override { nothing_else(); }
  std::vector<std::string> list(const std::string&, Timeout) override { nothing_else(); }
  std::vector<std::string> multi_get(const std::vector<std::string>&, Timeout) override {
    nothing_else();
  }
  void multi_set(const std::vector<std::string>&, const std::vector<std::string>&,
                 Timeout) override {
    nothing_else();
  }
  void barrier(const std::string&, int, Timeout) override { nothing_else(); }

 private:
  [[noreturn]] static void nothing_else() {
    fail(Errc::internal, "the stub store gathers and nothing else");
  }
  const Answer answer_;
};

}  // namespace symmem
