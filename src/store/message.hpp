// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/frame.hpp"
#include "symmem/error.hpp"
#include "symmem/extend/store.hpp"

namespace symmem::store {

/// A request of any kind. The table in message.cpp lists the lengths and meanings of the lists for
/// each kind. The strings are views of the caller's arguments or of the frame.
struct Request {
  Kind kind = Kind::ping;
  std::chrono::milliseconds timeout{0};
  std::vector<std::string_view> keys = {};
  std::vector<std::string_view> values = {};
  std::vector<std::uint64_t> numbers = {};
};

/// Returns the name of a command, such as "compare_set".
std::string_view name(Kind kind);

/// Throws Error(invalid_argument) with the violated limit or count.
void validate(const Request& request);
std::string encode(const Request& request);
/// Decodes a frame into `request` and reuses the memory of `request`. Does not validate the
/// request.
void decode(const Frame& frame, Request& request);

/// The reply to a request that succeeded.
struct Reply {
  std::vector<std::string> values;
  std::vector<std::uint64_t> numbers;
};

std::string encode_reply(std::span<const std::string_view> values,
                         std::span<const std::uint64_t> numbers = {});
std::string encode_reply(std::uint64_t number);
std::string encode_failure(Errc code, std::string_view text);
/// Decodes a reply. Throws the Error in the reply, or Error(internal) if the reply is malformed.
Reply decode_reply(std::string_view body);

/// A push message: members of a group that departed in the same manner for the same reason.
struct MembersGone {
  std::string group_id;
  std::vector<int> ranks;
  Departure how = Departure::lost;
  std::string reason;
};

std::string encode(const MembersGone& event);
MembersGone decode_members_gone(std::string_view body);

}  // namespace symmem::store
