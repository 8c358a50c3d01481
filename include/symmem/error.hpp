// SPDX-License-Identifier: Apache-2.0
/// Errors: the one exception type of symmem. Catch it around any call and branch on code():
///
///   try {
///     memory->wait_signal(peer, /*channel=*/0);
///   } catch (const symmem::Error& error) {
///     if (error.code() == symmem::Errc::peer_lost) shrink_and_continue();
///   }
#pragma once

#include <exception>
#include <source_location>
#include <string>
#include <string_view>

#include "symmem/api.hpp"

namespace SYMMEM_API symmem {

/// What the caller can do about an error. The numeric values are sent between ranks.
enum class Errc {
  invalid_argument,  ///< Correct the call or the option that the message names.
  unsupported,       ///< Not possible with this build, host or memory; the message names the limit.
  exhausted,         ///< Free memory or descriptors, or raise the limit that the message names.
  timeout,           ///< The deadline passed. The message names the ranks that are missing.
  peer_lost,         ///< A member died or left. Continue without it in a new group.
  store_lost,        ///< The store is gone. Mapped memory stays valid; collective calls fail.
  refused,           ///< Wrong secret, wrong job, no permission, or the peer closed the memory.
  finished,          ///< The Context, group or memory is closed, or this is a forked child.
  internal,          ///< A bug in symmem: report it with the message.
};

std::string_view to_string(Errc code);  ///< "peer_lost".

/// The exception that every call of symmem throws. Copies share nothing.
class Error : public std::exception {
 public:
  Error(Errc code, std::string message,
        std::source_location where = std::source_location::current());
  Errc code() const noexcept { return code_; }
  /// One line: the operation, the rank, host and pid concerned, what was expected and what to do.
  /// Ends with where() if a Context of this process has SYMMEM_LOG=debug.
  const char* what() const noexcept override { return message_.c_str(); }
  /// The line of symmem (or of an extension) that threw.
  const std::source_location& where() const noexcept { return where_; }
  /// Puts `operation` and ": " before the message: what the caller was doing.
  void add_context(std::string_view operation);

 private:
  Errc code_;
  std::string message_;
  std::source_location where_;
};

}  // namespace symmem
