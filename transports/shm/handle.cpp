// SPDX-License-Identifier: Apache-2.0
#include "shm/handle.hpp"

#include "base/check.hpp"
#include "base/wire.hpp"

namespace symmem::shm {
namespace {

constexpr std::string_view kMagic = "SYMMSHM1";

}  // namespace

std::string ShmHandle::encode() const {
  Writer writer;
  writer.raw(kMagic).put(std::string_view(address)).put(std::string_view(token)).put(bytes);
  return Writer().raw(writer.bytes()).put(crc32(writer.bytes())).bytes();
}

ShmHandle ShmHandle::decode(std::string_view bytes) {
  Reader reader(bytes, "shm handle");
  require(reader.raw(kMagic.size()) == kMagic, Errc::invalid_argument,
          "shm handle does not begin with {}", kMagic);
  ShmHandle handle;
  handle.address = reader.string();
  handle.token = reader.string();
  handle.bytes = reader.get<std::uint64_t>();
  const std::uint32_t expected = crc32(bytes.substr(0, bytes.size() - reader.left()));
  require(reader.get<std::uint32_t>() == expected, Errc::invalid_argument,
          "shm handle has a wrong checksum");
  reader.finish();
  return handle;
}

}  // namespace symmem::shm
