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

/// Hands descriptors to other processes of the same user on this host. Each descriptor on offer has
/// a secret token; who names the token (it comes through the authenticated store) gets the
/// descriptor by SCM_RIGHTS over an AF_UNIX socket served by the event loop. So there is no order
/// in which ranks must act. docs/wire.md has the bytes.
///
/// The socket has an abstract name, which vanishes with the process, or, given a directory (for
/// containers that share a folder but no network namespace), a path in it.
class FdService {
 public:
  FdService(EventLoop& loop, const std::string& socket_dir);
  ~FdService();

  /// The socket's address: a path, or a name behind '@'.
  const std::string& address() const { return address_; }

  /// What is on offer. Held while a descriptor is sent, so that none is closed meanwhile.
  struct Offers {
    std::mutex mutex;
    std::map<std::string, int> descriptors;  ///< By token; borrowed.
  };
  /// Removes the socket's path, if it has one: what the destructor does, for a process that exits
  /// without one.
  void remove_path();

  /// A descriptor on offer, for as long as this object lives (it may outlive the service); `fd` is
  /// borrowed as long.
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
  std::unique_ptr<Ticket> offer(int fd);

 private:
  struct Caller {
    Fd socket;
    std::unique_ptr<EventLoop::Subscription> readable;
    std::chrono::steady_clock::time_point since;
  };

  void listen();
  void accept();
  /// Takes one asker to tell it that this process is out of descriptors. Returns 0, or the errno of
  /// not even taking it.
  int turn_away();
  void answer(int caller);
  void drop_silent();

  EventLoop& loop_;
  std::string address_;
  std::string path_;  ///< To unlink; empty for abstract names.
  Fd socket_;
  Fd spare_;  ///< Given up for a moment where there is no other descriptor for an asker.
  const std::shared_ptr<Offers> offers_ = std::make_shared<Offers>();
  std::map<int, Caller> callers_;  ///< By descriptor; only the loop touches it.
  std::unique_ptr<EventLoop::Subscription> connecting_;
  std::unique_ptr<EventLoop::Subscription> sweeping_;
};

/// Asks the FdService at `address` for the descriptor behind `token`. Throws Error: timeout, or
/// refused with what went wrong (nobody there, another user, no such token).
Fd fetch_fd(const std::string& address, const std::string& token,
            std::chrono::milliseconds timeout);

}  // namespace symmem
