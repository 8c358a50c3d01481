// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "base/wire.hpp"
#include "cuda_ipc/handle.hpp"
#include "unit/transports/handle_checks.hpp"

using namespace symmem;
using namespace symmem::harness;
using symmem::cuda_ipc::CudaIpcHandle;

namespace {

CudaIpcHandle sample() {
  CudaIpcHandle handle;
  handle.gpu = std::string(16, '\x42');
  handle.address_space = 0x1234;
  handle.address = 0x7f0000000000;
  handle.bytes = 1000;
  handle.allocation_bytes = 1 << 21;
  handle.offset = 4096;
  handle.has_token = true;
  handle.fd_service = "@symmem-0123.sock";
  handle.fd_token = std::string(16, '\x81');
  handle.fabric = std::string(64, 'f');
  handle.legacy = std::string(64, 'l');
  return handle;
}

void check_refused(const std::function<void(CudaIpcHandle&)>& change, const std::string& part) {
  CudaIpcHandle handle = sample();
  change(handle);
  check_error([&] { CudaIpcHandle::decode(handle.encode()); }, Errc::invalid_argument, {part});
}

}  // namespace

TEST_CASE("decoding a cuda_ipc handle returns the encoded values") {
  const CudaIpcHandle encoded = sample(), decoded = CudaIpcHandle::decode(encoded.encode());
  CHECK(decoded.gpu == encoded.gpu);
  CHECK(decoded.address_space == encoded.address_space);
  CHECK(decoded.address == encoded.address);
  CHECK(decoded.bytes == encoded.bytes);
  CHECK(decoded.allocation_bytes == encoded.allocation_bytes);
  CHECK(decoded.offset == encoded.offset);
  CHECK(decoded.has_token);
  CHECK(decoded.fd_service == encoded.fd_service);
  CHECK(decoded.fd_token == encoded.fd_token);
  CHECK(decoded.fabric == encoded.fabric);
  CHECK(decoded.legacy == encoded.legacy);
}

TEST_CASE("decoding refuses a cuda_ipc handle in which any one bit is flipped") {
  check_every_bit_counts(sample());
}

TEST_CASE("decoding refuses a cuda_ipc handle that is truncated or has trailing bytes") {
  check_length_counts(sample());
}

TEST_CASE("decoding refuses a cuda_ipc handle with invalid or contradictory fields") {
  check_refused([](CudaIpcHandle& h) { h.gpu = "short"; }, "UUID");
  check_refused([](CudaIpcHandle& h) { h.fabric = "short"; }, "fabric handle");
  check_refused([](CudaIpcHandle& h) { h.legacy = "short"; }, "IPC handle");
  check_refused([](CudaIpcHandle& h) { h.offset = h.allocation_bytes + 1; },
                "exceed an allocation");
  check_refused([](CudaIpcHandle& h) { h.bytes = UINT64_MAX; }, "exceed an allocation");
}
