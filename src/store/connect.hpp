// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/deadline.hpp"
#include "base/unique_handle.hpp"
#include "store/frame.hpp"
#include "store/handshake.hpp"
#include "symmem/key_value_store.hpp"

namespace symmem::store {

/// A connection on which the handshake is done.
struct Connected {
  Fd socket;           // Non-blocking, no Nagle delay.
  FrameReader frames;  // May hold what came after the welcome.
  Welcome welcome;
};

/// Connects to options.host and port: all addresses of the name at once, again with growing pauses
/// while nobody listens or the name is not known yet. Throws Error(timeout) after `deadline`, with
/// the last reason, or at once what the handshake refuses. With several ports to try a refusal only
/// means that another job's store is there; it is told if none better is found by the deadline.
Connected connect(const TcpStoreOptions& options, const Process& process, const Deadline& deadline);

}  // namespace symmem::store
