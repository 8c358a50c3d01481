// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "base/check.hpp"
#include "symmem/key_value_store.hpp"

namespace symmem {
namespace {

class PrefixStore final : public KeyValueStore {
 public:
  PrefixStore(std::string prefix, std::shared_ptr<KeyValueStore> base)
      : prefix_(std::move(prefix) + "/"), base_(std::move(base)) {}

  void set(const std::string& key, const std::string& value, Timeout timeout) override {
    base_->set(prefix_ + key, value, timeout);
  }
  std::string get(const std::string& key, Timeout timeout) override {
    return base_->get(prefix_ + key, timeout);
  }
  std::int64_t add(const std::string& key, std::int64_t amount, Timeout timeout) override {
    return base_->add(prefix_ + key, amount, timeout);
  }
  std::string compare_set(const std::string& key, const std::string& expected,
                          const std::string& desired, Timeout timeout) override {
    return base_->compare_set(prefix_ + key, expected, desired, timeout);
  }
  void wait(const std::vector<std::string>& keys, Timeout timeout) override {
    base_->wait(prefixed(keys), timeout);
  }
  bool check(const std::vector<std::string>& keys, Timeout timeout) override {
    return base_->check(prefixed(keys), timeout);
  }
  void append(const std::string& key, const std::string& value, Timeout timeout) override {
    base_->append(prefix_ + key, value, timeout);
  }
  bool delete_key(const std::string& key, Timeout timeout) override {
    return base_->delete_key(prefix_ + key, timeout);
  }
  std::int64_t num_keys(Timeout timeout) override {
    return static_cast<std::int64_t>(base_->list(prefix_, timeout).size());
  }
  std::vector<std::string> list(const std::string& prefix, Timeout timeout) override {
    std::vector<std::string> keys = base_->list(prefix_ + prefix, timeout);
    for (std::string& key : keys) key.erase(0, prefix_.size());
    return keys;
  }
  std::vector<std::string> multi_get(const std::vector<std::string>& keys,
                                     Timeout timeout) override {
    return base_->multi_get(prefixed(keys), timeout);
  }
  void multi_set(const std::vector<std::string>& keys, const std::vector<std::string>& values,
                 Timeout timeout) override {
    base_->multi_set(prefixed(keys), values, timeout);
  }
  void barrier(const std::string& key, int count, Timeout timeout) override {
    base_->barrier(prefix_ + key, count, timeout);
  }

  Membership join(const JoinRequest& request, std::shared_ptr<GroupListener> listener,
                  Timeout timeout) override {
    JoinRequest inner = request;
    inner.group = prefix_ + request.group;
    Membership membership = base_->join(inner, std::move(listener), timeout);
    membership.group = request.group;
    return membership;
  }
  // After a join the id identifies the group, so gather, end and leave add no prefix.
  std::vector<std::string> gather(const Membership& group, const std::string& key,
                                  const std::string& value, Timeout timeout) override {
    return base_->gather(group, key, value, timeout);
  }
  void end(const Membership& group, Timeout timeout) override { base_->end(group, timeout); }
  void leave(const Membership& group) override { base_->leave(group); }

 private:
  std::vector<std::string> prefixed(std::vector<std::string> keys) const {
    for (std::string& key : keys) key.insert(0, prefix_);
    return keys;
  }

  const std::string prefix_;
  const std::shared_ptr<KeyValueStore> base_;
};

}  // namespace

std::shared_ptr<KeyValueStore> make_prefix_store(std::string prefix,
                                                 std::shared_ptr<KeyValueStore> store) {
  require(store != nullptr, Errc::invalid_argument, "make_prefix_store \"{}\": the store is null",
          prefix);
  return std::make_shared<PrefixStore>(std::move(prefix), std::move(store));
}

}  // namespace symmem
