// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include "symmem/api.hpp"

namespace SYMMEM_API symmem {

/// What the caller can do about an error, not where it came from.
enum class Errc {
  invalid_argument,  ///< Mend the call or the option that the message names.
  unsupported,       ///< Not possible with this build, host or memory; the message says what is.
  exhausted,         ///< Free something, or raise the limit that the message names.
  timeout,           ///< The deadline passed; the message names the ranks that are missing.
  peer_lost,         ///< A member died or left. Go on without it in a new group.
  store_lost,  ///< The store is gone: mapped memory stays valid, collectives and waits do not.
  refused,     ///< Wrong secret, wrong job, no permission, or the peer has closed the memory.
  finished,    ///< The Context, group or memory was closed before, or this is a forked child.
  internal,    ///< A bug in symmem: please report it with the message.
};

/// Returns the enumerator's name, "peer_lost".
std::string_view to_string(Errc code);

/// The one exception type of symmem. Copies share nothing; `what()` is one line that says what
/// happened, to which rank, host and pid, what was expected and what to do.
class Error : public std::exception {
 public:
  Error(Errc code, std::string message) : code_(code), message_(std::move(message)) {}

  Errc code() const noexcept { return code_; }
  const char* what() const noexcept override { return message_.c_str(); }

  /// Adds what a caller further out was doing, "rendezvous of group \"world\"", before the message.
  void add(std::string_view doing);

 private:
  Errc code_;
  std::string message_;
};

}  // namespace symmem
