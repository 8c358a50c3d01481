// SPDX-License-Identifier: Apache-2.0
#include "ucx/handle.hpp"

#include "base/check.hpp"
#include "base/wire.hpp"

namespace symmem::ucx {
namespace {

constexpr std::string_view kMagic = "SYMMUCX1";

}  // namespace

std::string UcxHandle::encode() const {
  Writer writer;
  writer.raw(kMagic).put(std::string_view(version)).put(block.process).put(block.number);
  writer.put(address).put(bytes).put(static_cast<std::uint8_t>(has_token));
  writer.put(std::string_view(worker)).put(std::string_view(key));
  return seal(writer.bytes());
}

UcxHandle UcxHandle::decode(std::string_view encoded) {
  require(encoded.starts_with(kMagic), Errc::invalid_argument, "ucx handle does not begin with {}",
          kMagic);
  // Verify the checksum first, because UCX unpacks keys without checks.
  Reader reader(unseal(encoded, "ucx handle"), "ucx handle");
  reader.raw(kMagic.size());
  UcxHandle handle;
  handle.version = reader.string();
  handle.block.process = reader.get<std::uint64_t>();
  handle.block.number = reader.get<std::uint64_t>();
  handle.address = reader.get<std::uint64_t>();
  handle.bytes = reader.get<std::uint64_t>();
  const auto has_token = reader.get<std::uint8_t>();
  require(has_token <= 1, Errc::invalid_argument, "ucx handle: has_token is {}, neither 0 nor 1",
          has_token);
  handle.has_token = has_token == 1;
  handle.worker = reader.string();
  handle.key = reader.string();
  reader.finish();
  const std::uint64_t room = UINT64_MAX - handle.address;
  require(handle.bytes <= room && Block::kTokenBytes <= room - handle.bytes, Errc::invalid_argument,
          "ucx handle: {} bytes at {:#x} exceed the address space", handle.bytes, handle.address);
  return handle;
}

}  // namespace symmem::ucx
