// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "base/deadline.hpp"
#include "store/message.hpp"
#include "symmem/key_value_store.hpp"

namespace symmem::store {

/// Who hears of a store's groups within this process. Listeners are called outside of any lock.
class Listeners {
 public:
  void add(const std::string& group_id, int rank, std::shared_ptr<GroupListener> listener);
  void remove(const std::string& group_id, int rank);
  void members_gone(const MembersGone& event);
  /// Tells all and forgets them.
  void store_lost(const std::string& reason);

 private:
  std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::shared_ptr<GroupListener>> listeners_;
};

/// Carries requests to a State and brings the replies back. Safe from any thread.
class Link {
 public:
  using Seen = std::function<void(std::string_view reply)>;

  virtual ~Link() = default;
  /// Returns the reply's body. `seen` gets it too, before anything that came after it is looked at.
  /// Throws Error(store_lost).
  virtual std::string call(const Request& request, const Seen& seen) = 0;
  virtual Listeners& listeners() = 0;
};

/// The Store of which every call is one request over `link`.
std::shared_ptr<KeyValueStore> make_request_store(std::unique_ptr<Link> link,
                                                  std::chrono::milliseconds timeout);

}  // namespace symmem::store
