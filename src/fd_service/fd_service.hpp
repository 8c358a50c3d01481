// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/event_loop.hpp"
#include "base/fork.hpp"
#include "base/unique_handle.hpp"

namespace symmem {

/// A service that passes descriptors to other processes of the same user on this host. Each offered
/// descriptor has a secret token, which peers receive through the authenticated store. A client
/// that sends the token to the AF_UNIX socket receives the descriptor through SCM_RIGHTS. The event
/// loop handles requests in the background, while the rank computes. docs/wire.md specifies the
/// messages.
///
/// If `socket_dir` is empty, the socket has an abstract name, which the kernel removes when the
/// process ends. Otherwise the socket has a path in `socket_dir`, for containers that share a
/// directory but no network namespace.
class FdService {
 public:
  FdService(EventLoop& loop, const std::string& socket_dir);
  ~FdService();

  /// Returns the socket's address: a path, or '@' and an abstract name.
  const std::string& address() const { return address_; }

  /// The offered descriptors.
  struct Offers {
    std::mutex mutex;                        ///< Held during a send, to keep the descriptor open.
    std::map<std::string, int> descriptors;  ///< Borrowed descriptors by token.
  };
  /// Removes the path of the socket, if any. The destructor also removes the path; call this
  /// function in a process that exits without running destructors.
  void remove_path();

  /// RAII object that offers a descriptor until destruction. A Ticket may outlive the service. `fd`
  /// is borrowed.
  class Ticket {
   public:
    Ticket(std::shared_ptr<Offers> offers, int fd);
    ~Ticket();
    const std::string& token() const { return token_; }

   private:
    const std::shared_ptr<Offers> offers_;
    const std::string token_;
    const ForkGuard fork_;
  };
  /// Offers `fd`, which must stay open until the Ticket is destroyed.
  std::unique_ptr<Ticket> offer(int fd);

 private:
  struct Client {
    Fd socket;
    std::unique_ptr<EventLoop::Subscription> readable;
    std::chrono::steady_clock::time_point since;
  };

  void listen();
  void accept();
  /// Closes spare_ so that one client can be accepted, replies to the client that this process has
  /// no free descriptor, and opens spare_ again. Returns 0, or the errno of accept4.
  int refuse_for_lack_of_descriptors();
  void reply(int client);
  void drop_silent();

  EventLoop& loop_;
  std::string address_;
  std::string path_;  ///< Path of the socket; empty for an abstract name.
  Fd socket_;
  Fd spare_;  ///< Reserved for refuse_for_lack_of_descriptors().
  const std::shared_ptr<Offers> offers_ = std::make_shared<Offers>();
  std::map<int, Client> clients_;  ///< By descriptor; used only on the loop's thread.
  std::unique_ptr<EventLoop::Subscription> connecting_;
  std::unique_ptr<EventLoop::Subscription> sweeping_;
};

/// Requests the descriptor of `token` from the FdService at `address`; blocks until the reply
/// arrives. Throws Error(timeout), Error(refused) with the reason (no service, another user,
/// unknown token) or Error(exhausted) if either process has no free descriptor.
Fd fetch_fd(const std::string& address, const std::string& token,
            std::chrono::milliseconds timeout);

}  // namespace symmem
