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

/// A request as all commands have it: lists whose lengths and meanings the command's row in
/// message.cpp gives. It borrows the strings: from the caller's arguments, or from the frame.
struct Request {
  Kind kind = Kind::ping;
  std::chrono::milliseconds timeout{0};
  std::vector<std::string_view> keys = {};
  std::vector<std::string_view> values = {};
  std::vector<std::uint64_t> numbers = {};
};

/// The command's name, "compare_set".
std::string_view name(Kind kind);

/// Throws Error(invalid_argument) that names the limit or the count that the request breaks.
void validate(const Request& request);
std::string encode(const Request& request);
/// Fills `request` with what the frame says, reusing its memory. Not validated yet.
void decode(const Frame& frame, Request& request);

/// What comes back when a request succeeds.
struct Reply {
  std::vector<std::string> values;
  std::vector<std::uint64_t> numbers;
};

std::string encode_reply(std::span<const std::string_view> values,
                         std::span<const std::uint64_t> numbers = {});
std::string encode_reply(std::uint64_t number);
std::string encode_failure(Errc code, std::string_view text);
/// Throws the Error that the reply carries, or Error(internal) if it cannot be read.
Reply decode_reply(std::string_view body);

/// A push: members of the group that went, all in the same way.
struct MembersGone {
  std::string group_id;
  std::vector<int> ranks;
  Departure how = Departure::lost;
  std::string reason;
};

std::string encode(const MembersGone& event);
MembersGone decode_members_gone(std::string_view body);

}  // namespace symmem::store
