// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "base/unique_handle.hpp"

namespace symmem {

/// An AF_UNIX address. Its text is a path, or '@' and an abstract name. The constructor throws
/// Error(invalid_argument) if the text is empty or longer than 107 bytes.
struct UnixAddress {
  explicit UnixAddress(const std::string& text);
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }

  sockaddr_un address{};
  socklen_t length = 0;
};

/// Creates an AF_UNIX socket of type SOCK_SEQPACKET, close-on-exec and non-blocking.
Fd make_unix_socket();

/// Returns whether the peer process of `socket` runs as this user or as root.
bool same_user(int socket);

/// Sends `bytes` and, unless `fd` is -1, the descriptor `fd`. Returns false if the send fails or
/// would block.
bool send_with_fd(int socket, const std::string& bytes, int fd);

/// A received message and the attached descriptor, if any. `bytes` is empty if the peer has closed
/// the connection or no message is queued.
struct Received {
  std::string bytes;
  Fd fd;
  /// The kernel dropped a descriptor: the message had more than one descriptor, or this process has
  /// reached its limit.
  bool cut = false;
};
/// Receives one message, truncated to `limit` bytes. The received descriptor is close-on-exec.
Received receive_with_fd(int socket, std::size_t limit);

}  // namespace symmem
