// SPDX-License-Identifier: Apache-2.0
/// Error: the only exception type that symmem throws. Catch it and branch on code():
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

/// Error codes, grouped by what the caller can do. Ranks exchange the numeric values.
enum class Errc {
  invalid_argument,  ///< Correct the call or the option that the message names.
  unsupported,       ///< Not possible with this build, host or memory; the message names the cause.
  exhausted,         ///< Free memory or descriptors, or raise the limit that the message names.
  timeout,           ///< The deadline passed. The message names the missing ranks.
  peer_lost,         ///< A rank of the group died or left. Continue without it in a new group.
  store_lost,  ///< The store cannot be reached. Mapped memory stays valid; collective calls fail.
  refused,     ///< Wrong secret, wrong job, no permission, or the peer closed the memory.
  finished,    ///< The Context, group or memory is closed, or this is a forked child.
  internal,    ///< A bug in symmem: report it with the message.
};

std::string_view to_string(Errc code);  ///< Returns the name, such as "peer_lost".

/// The exception that all symmem calls throw. A copy shares no data with the original.
class Error : public std::exception {
 public:
  Error(Errc code, std::string message,
        std::source_location where = std::source_location::current());
  Errc code() const noexcept { return code_; }
  /// The message, one line: the operation, the rank, host and pid concerned, the expected condition
  /// and the remedy. Ends with where() if a Context of this process uses SYMMEM_LOG=debug.
  const char* what() const noexcept override { return message_.c_str(); }
  /// The line in symmem or in an extension that threw the error.
  const std::source_location& where() const noexcept { return where_; }
  /// Prepends `operation`, a description of the caller's operation, and ": " to the message.
  void add_context(std::string_view operation);

 private:
  Errc code_;
  std::string message_;
  std::source_location where_;
};

}  // namespace symmem
