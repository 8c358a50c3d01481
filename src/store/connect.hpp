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
  Fd socket;           // Non-blocking, no Nagle delay.
  FrameReader frames;  // May hold bytes received after the welcome.
  Welcome welcome;
};

/// Connects to options.host and port and authenticates. Tries all addresses of the name at once and
/// retries with back-off while no server listens or the name does not resolve yet. Throws
/// Error(timeout) with the last reason after `deadline`. A refusal is thrown at once if there is
/// one port; of several ports the others may still be right, so it is thrown at the deadline.
Connected connect(const TcpStoreOptions& options, const Process& process, const Deadline& deadline);

}  // namespace symmem::store
