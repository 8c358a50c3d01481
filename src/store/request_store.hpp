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

/// The group listeners of one store in this process. Calls a listener without holding a lock.
class Listeners {
 public:
  void add(const std::string& group_id, int rank, std::shared_ptr<GroupListener> listener);
  void remove(const std::string& group_id, int rank);
  void members_gone(const MembersGone& event);
  /// Notifies and removes all listeners.
  void store_lost(const std::string& reason);

 private:
  std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::shared_ptr<GroupListener>> listeners_;
};

/// Interface that sends requests to a local or remote State and returns the replies. Thread-safe.
class Link {
 public:
  using OnReply = std::function<void(std::string_view reply)>;

  virtual ~Link() = default;
  /// Sends a request and returns the body of the reply. Calls `on_reply` with the body before it
  /// handles data that is received later. Throws Error(store_lost).
  virtual std::string call(const Request& request, const OnReply& on_reply) = 0;
  virtual Listeners& listeners() = 0;
};

/// Creates a store that sends each call as one request over `link`.
std::shared_ptr<KeyValueStore> make_request_store(std::unique_ptr<Link> link,
                                                  std::chrono::milliseconds timeout);

}  // namespace symmem::store
