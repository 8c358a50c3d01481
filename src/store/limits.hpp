// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

namespace symmem::store {

// Limits of one client; docs/wire.md explains each. All sizes are in bytes.
inline constexpr std::size_t kMaxKeyBytes = 8u << 10;
inline constexpr std::size_t kMaxValueBytes = 64u << 20;
/// The body of one frame: all values of a request, or of a gather.
inline constexpr std::size_t kMaxFrameBytes = 128u << 20;
/// Keys, values or numbers in one request.
inline constexpr std::size_t kMaxListEntries = 65'536;
inline constexpr std::size_t kMaxWorldSize = 1u << 20;
/// Requests of one connection without a reply.
inline constexpr std::size_t kMaxPendingRequests = 65'536;
inline constexpr std::size_t kMaxConnections = 131'072;

// Limits of unauthenticated connections.
inline constexpr std::size_t kMaxHandshakeBytes = 4u << 10;
inline constexpr std::size_t kMaxUnauthenticated = 4'096;
inline constexpr std::chrono::seconds kHandshakeTime{10};

/// How long a client awaits a reply after the request's deadline, at which the server replies; the
/// liveness time if that is shorter.
inline constexpr std::chrono::milliseconds kGrace{5'000};

/// Least time between two pushes to the members of a group: at a job's end thousands leave.
inline constexpr std::chrono::milliseconds kNotifyInterval{10};

/// A client is not read from while more than this is queued for it.
inline constexpr std::size_t kMaxUnsentBytes = 1u << 20;

}  // namespace symmem::store
