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
/// that sends the token to the AF_UNIX socket receives the descriptor by SCM_RIGHTS. The event loop
/// serves requests, so that ranks need not act in any order. docs/wire.md has the bytes.
///
/// The socket has an abstract name, which disappears with the process. With `socket_dir` (for
/// containers that share a directory but no network namespace) it has a path there.
class FdService {
 public:
  FdService(EventLoop& loop, const std::string& socket_dir);
  ~FdService();

  /// Returns the socket's address: a path, or '@' and an abstract name.
  const std::string& address() const { return address_; }

  /// The offered descriptors.
  struct Offers {
    std::mutex mutex;                        ///< Held during a send, so that no descriptor closes.
    std::map<std::string, int> descriptors;  ///< By token; borrowed.
  };
  /// Removes the socket's path, if it has one. The destructor does it, too; this is for a process
  /// that exits without destructors.
  void remove_path();

  /// RAII: offers a descriptor until destruction. May outlive the service. `fd` is borrowed.
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
  /// Offers `fd`, which must stay open as long as the Ticket.
  std::unique_ptr<Ticket> offer(int fd);

 private:
  struct Client {
    Fd socket;
    std::unique_ptr<EventLoop::Subscription> readable;
    std::chrono::steady_clock::time_point since;
  };

  void listen();
  void accept();
  /// Accepts one client by means of spare_ and replies that this process is out of descriptors.
  /// Returns 0, or the errno of accept.
  int refuse_for_lack_of_descriptors();
  void reply(int client);
  void drop_silent();

  EventLoop& loop_;
  std::string address_;
  std::string path_;  ///< To unlink; empty for abstract names.
  Fd socket_;
  Fd spare_;  ///< Closed for a moment to accept a client when no descriptor is free.
  const std::shared_ptr<Offers> offers_ = std::make_shared<Offers>();
  std::map<int, Client> clients_;  ///< By descriptor; only the loop accesses it.
  std::unique_ptr<EventLoop::Subscription> connecting_;
  std::unique_ptr<EventLoop::Subscription> sweeping_;
};

/// Requests the descriptor of `token` from the FdService at `address`; blocks until the reply.
/// Throws Error(timeout), Error(refused) with the reason (no service, another user, unknown token)
/// or Error(exhausted) if either process has no free descriptor.
Fd fetch_fd(const std::string& address, const std::string& token,
            std::chrono::milliseconds timeout);

}  // namespace symmem
