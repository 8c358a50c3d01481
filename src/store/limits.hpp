// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

namespace symmem::store {

// What one client may ask of a server; docs/wire.md explains each. All sizes are in bytes.
inline constexpr std::size_t kMaxKeyBytes = 8u << 10;
inline constexpr std::size_t kMaxValueBytes = 64u << 20;
/// The body of one frame: of several values together, and of a gather's whole table.
inline constexpr std::size_t kMaxFrameBytes = 128u << 20;
/// Keys, values or numbers in one request.
inline constexpr std::size_t kMaxListEntries = 65'536;
inline constexpr std::size_t kMaxWorldSize = 1u << 20;
/// Requests of one connection that wait for their reply.
inline constexpr std::size_t kMaxWaiting = 65'536;
inline constexpr std::size_t kMaxConnections = 131'072;

// What somebody who has not proven anything yet may cost.
inline constexpr std::size_t kMaxHandshakeBytes = 4u << 10;
inline constexpr std::size_t kMaxStrangers = 4'096;
inline constexpr std::chrono::seconds kHandshakeTime{10};

/// How long after its deadline a client waits for the reply to a request, if it is not less that it
/// takes to be lost by silence: the server has the deadline too, and answers at it.
inline constexpr std::chrono::milliseconds kGrace{5'000};

/// Departures from a group are told at once, but those within this time of the last ones together:
/// at a job's end thousands leave, and each of those who are left would be told of each.
inline constexpr std::chrono::milliseconds kTellEvery{10};

/// A client that lets its replies lie is not read from while more than this waits to be sent.
inline constexpr std::size_t kMaxUnsentBytes = 1u << 20;

}  // namespace symmem::store
