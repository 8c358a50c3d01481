// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/deadline.hpp"
#include "base/unique_handle.hpp"
#include "store/frame.hpp"
#include "store/handshake.hpp"
#include "symmem/key_value_store.hpp"

namespace symmem::store {

/// An authenticated connection.
struct Connected {
  Fd socket;           // Non-blocking; Nagle's algorithm is off.
  FrameReader frames;  // May contain bytes received after the welcome.
  Welcome welcome;
};

/// Connects to options.host and port and authenticates. Tries all addresses of the name at once and
/// retries with back-off while no server listens or the name does not resolve yet. Throws
/// Error(timeout) with the last reason after `deadline`. With one port, a refusal is thrown at
/// once. With several ports, a refusal is thrown at the deadline, because another port may accept
/// the client.
Connected connect(const TcpStoreOptions& options, const Process& process, const Deadline& deadline);

}  // namespace symmem::store
