// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

/// What an FdService and who asks it say to each other: docs/wire.md has the bytes. They may come
/// from any process of this user.
namespace symmem::fd_message {

inline constexpr std::size_t kTokenBytes = 16;
/// What is to be received of a request: one byte more than it has, to tell what is longer.
inline constexpr std::size_t kRequestRoom = 8 + kTokenBytes + 1;
inline constexpr std::size_t kReplyRoom = 256;

std::string encode_request(std::string_view token);
/// The token, a part of `bytes`; nothing if that is no request.
std::optional<std::string_view> decode_request(std::string_view bytes);

/// `refusal` says why there is no descriptor; empty if one comes along.
std::string encode_reply(std::string_view refusal);
/// The refusal, a part of `bytes`; nothing if that is no reply.
std::optional<std::string_view> decode_reply(std::string_view bytes);

}  // namespace symmem::fd_message
