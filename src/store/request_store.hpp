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

/// The listeners of a store's groups in this process. Calls them without a lock held.
class Listeners {
 public:
  void add(const std::string& group_id, int rank, std::shared_ptr<GroupListener> listener);
  void remove(const std::string& group_id, int rank);
  void members_gone(const MembersGone& event);
  /// Calls and drops all listeners.
  void store_lost(const std::string& reason);

 private:
  std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::shared_ptr<GroupListener>> listeners_;
};

/// Sends requests to a State, local or remote, and returns the replies. Safe from any thread.
class Link {
 public:
  using OnReply = std::function<void(std::string_view reply)>;

  virtual ~Link() = default;
  /// Returns the reply's body. Calls `on_reply` with it before it handles anything received later.
  /// Throws Error(store_lost).
  virtual std::string call(const Request& request, const OnReply& on_reply) = 0;
  virtual Listeners& listeners() = 0;
};

/// Makes a store whose every call is one request over `link`.
std::shared_ptr<KeyValueStore> make_request_store(std::unique_ptr<Link> link,
                                                  std::chrono::milliseconds timeout);

}  // namespace symmem::store
