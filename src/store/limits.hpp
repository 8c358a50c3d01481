// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

namespace symmem::store {

// Limits of one client; docs/wire.md explains each. All sizes are in bytes.
inline constexpr std::size_t kMaxKeyBytes = 8u << 10;
inline constexpr std::size_t kMaxValueBytes = 64u << 20;
/// Size of the body of one frame, which contains all values of a request or of a gather.
inline constexpr std::size_t kMaxFrameBytes = 128u << 20;
/// Number of keys, values or numbers in one request.
inline constexpr std::size_t kMaxListEntries = 65'536;
inline constexpr std::size_t kMaxWorldSize = 1u << 20;
/// Number of unanswered requests of one connection.
inline constexpr std::size_t kMaxPendingRequests = 65'536;
inline constexpr std::size_t kMaxConnections = 131'072;

// Limits of unauthenticated connections.
inline constexpr std::size_t kMaxHandshakeBytes = 4u << 10;
inline constexpr std::size_t kMaxUnauthenticated = 4'096;
inline constexpr std::chrono::seconds kHandshakeTime{10};

/// Time for which a client awaits a reply after the request's deadline; the liveness time if that
/// is shorter. The server replies at the deadline.
inline constexpr std::chrono::milliseconds kGrace{5'000};

/// Minimum time between two notifications of a group's members, because thousands of ranks may
/// leave at the end of a job.
inline constexpr std::chrono::milliseconds kNotifyInterval{10};

/// The server does not read from a client while more than this is queued for the client.
inline constexpr std::size_t kMaxUnsentBytes = 1u << 20;

}  // namespace symmem::store
