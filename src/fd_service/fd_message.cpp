// SPDX-License-Identifier: Apache-2.0
#include "fd_service/fd_message.hpp"

namespace symmem::fd_message {
namespace {

constexpr std::string_view kRequestMagic = "SYMMFDQ1";
constexpr std::string_view kReplyMagic = "SYMMFDR1";
static_assert(kRequestRoom == kRequestMagic.size() + kTokenBytes + 1);

}  // namespace

std::string encode_request(std::string_view token) {
  return std::string(kRequestMagic).append(token);
}

std::optional<std::string_view> decode_request(std::string_view bytes) {
  if (bytes.size() != kRequestMagic.size() + kTokenBytes || !bytes.starts_with(kRequestMagic))
    return std::nullopt;
  return bytes.substr(kRequestMagic.size());
}

std::string encode_reply(std::string_view refusal) {
  return std::string(kReplyMagic).append(refusal);
}

std::optional<std::string_view> decode_reply(std::string_view bytes) {
  if (bytes.size() > kReplyRoom || !bytes.starts_with(kReplyMagic)) return std::nullopt;
  return bytes.substr(kReplyMagic.size());
}

}  // namespace symmem::fd_message
