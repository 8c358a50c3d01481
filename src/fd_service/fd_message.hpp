// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

/// Encoders and decoders of the messages between an FdService and its clients; docs/wire.md
/// specifies the bytes. Any process of this user may send messages, so decoders validate all input.
namespace symmem::fd_message {

inline constexpr std::size_t kTokenBytes = 16;
/// Size of the receive buffer for a request: one byte more than a request, to detect longer
/// messages.
inline constexpr std::size_t kRequestRoom = 8 + kTokenBytes + 1;
inline constexpr std::size_t kReplyRoom = 256;

std::string encode_request(std::string_view token);
/// Returns the token as a view of `bytes`, or nullopt if `bytes` is not a request.
std::optional<std::string_view> decode_request(std::string_view bytes);

/// Encodes a reply. `refusal` is the reason why no descriptor is attached; it is empty if a
/// descriptor is attached.
std::string encode_reply(std::string_view refusal);
/// Returns the refusal as a view of `bytes`, or nullopt if `bytes` is not a reply.
std::optional<std::string_view> decode_reply(std::string_view bytes);

}  // namespace symmem::fd_message
