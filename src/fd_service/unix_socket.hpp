// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "base/unique_handle.hpp"

namespace symmem {

/// An AF_UNIX address, made from its text: a path, or '@' and an abstract name. Throws
/// Error(invalid_argument) if the text is too long for the kernel (107 bytes).
struct UnixAddress {
  explicit UnixAddress(const std::string& text);
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }

  sockaddr_un address{};
  socklen_t length = 0;
};

/// Makes a socket of type SOCK_SEQPACKET, close-on-exec and non-blocking.
Fd make_unix_socket();

/// Whether the process at the other end runs as this user or as root.
bool same_user(int socket);

/// Sends `bytes` and, unless `fd` is -1, the descriptor. Returns false if the send fails or would
/// block.
bool send_with_fd(int socket, const std::string& bytes, int fd);

/// One message of at most `limit` bytes, with the descriptor attached to it, if any
/// (close-on-exec). `bytes` is empty at the end of the stream and if no message is queued.
struct Received {
  std::string bytes;
  Fd fd;
  bool cut =
      false;  ///< The kernel dropped descriptors: more than one, or this process is at its limit.
};
Received receive_with_fd(int socket, std::size_t limit);

}  // namespace symmem
