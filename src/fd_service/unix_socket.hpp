// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "base/unique_handle.hpp"

namespace symmem {

/// An AF_UNIX address from its text: a path, or a name in the abstract namespace behind '@'.
/// Error(invalid_argument) if it is too long for the kernel (107 bytes).
struct UnixAddress {
  explicit UnixAddress(const std::string& text);
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }

  sockaddr_un address{};
  socklen_t length = 0;
};

/// A socket that keeps message borders, close-on-exec and non-blocking.
Fd make_unix_socket();

/// Whether the process at the other end runs as our user, or as root.
bool same_user(int socket);

/// Sends `bytes` and, unless `fd` is -1, the descriptor. False if it cannot go out now.
bool send_with_fd(int socket, const std::string& bytes, int fd);

/// Receives one message of at most `limit` bytes and the descriptor that came with it, if any
/// (close-on-exec). Empty at the end of the stream and when nothing is there.
struct Received {
  std::string bytes;
  Fd fd;
  bool cut = false;  ///< Descriptors came for which there was no room here or in the process.
};
Received receive_with_fd(int socket, std::size_t limit);

}  // namespace symmem
