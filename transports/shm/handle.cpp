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
  writer.raw(kMagic)
      .put(std::string_view(address))
      .put(std::string_view(token))
      .put(bytes)
      .put(descriptor);
  return seal(writer.bytes());
}

ShmHandle ShmHandle::decode(std::string_view bytes) {
  require(bytes.starts_with(kMagic), Errc::invalid_argument, "shm handle does not begin with {}",
          kMagic);
  Reader reader(unseal(bytes, "shm handle"), "shm handle");
  reader.raw(kMagic.size());
  ShmHandle handle;
  handle.address = reader.string();
  handle.token = reader.string();
  handle.bytes = reader.get<std::uint64_t>();
  handle.descriptor = reader.get<std::uint32_t>();
  reader.finish();
  return handle;
}

}  // namespace symmem::shm
