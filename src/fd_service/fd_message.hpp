// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

/// Messages between an FdService and its clients; docs/wire.md has the bytes. Any process of this
/// user may send them, so decoders trust nothing.
namespace symmem::fd_message {

inline constexpr std::size_t kTokenBytes = 16;
/// Bytes to receive of a request: one more than its size, to detect longer messages.
inline constexpr std::size_t kRequestRoom = 8 + kTokenBytes + 1;
inline constexpr std::size_t kReplyRoom = 256;

std::string encode_request(std::string_view token);
/// Returns the token, a part of `bytes`; empty if `bytes` is not a request.
std::optional<std::string_view> decode_request(std::string_view bytes);

/// Encodes a reply. `refusal` is the reason why no descriptor is attached; empty if one is.
std::string encode_reply(std::string_view refusal);
/// Returns the refusal, a part of `bytes`; empty optional if `bytes` is not a reply.
std::optional<std::string_view> decode_reply(std::string_view bytes);

}  // namespace symmem::fd_message
