// SPDX-License-Identifier: Apache-2.0
#include <cuda.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include "base/check.hpp"
#include "base/refusal.hpp"
#include "cuda_ipc/export.hpp"
#include "cuda_ipc/factory.hpp"
#include "cuda_ipc/handle.hpp"
#include "cuda_ipc/nvml.hpp"
#include "gpu/driver.hpp"
#include "gpu/gpu.hpp"
#include "gpu/process_state.hpp"
#include "peer_descriptor.hpp"

namespace symmem::cuda_ipc {
namespace {

using cuda::Driver;

class CudaAttachment : public Attachment {
 public:
  /// `import` is null if the memory belongs to this process; the exporter then keeps the memory
  /// alive.
  CudaAttachment(std::shared_ptr<cuda::Import> import, std::byte* at, std::size_t bytes)
      : import_(std::move(import)), at_(at), bytes_(bytes) {}
  std::byte* pointer() const override { return at_; }
  std::size_t bytes() const override { return bytes_; }

 private:
  const std::shared_ptr<cuda::Import> import_;
  std::byte* const at_;
  const std::size_t bytes_;
};

/// Returns this process's ordinal of the GPU with that UUID; empty if the GPU is not visible to
/// this process.
std::optional<int> ordinal_of(const std::string& uuid) {
  for (int i = 0; i < Driver::get().device_count(); ++i)
    if (cuda::uuid(i) == uuid) return i;
  return {};
}

/// Throws Refusal unless `device` supports loads, stores and atomics on memory of the GPU `owner`.
/// Queries CUDA; queries NVML instead if the owner's GPU is hidden from this process.
void check_access(int device, const std::string& owner) {
  const std::optional<int> theirs = ordinal_of(owner);
  if (theirs && *theirs == device) return;
  if (!theirs) {
    const auto atomics = native_atomics(cuda::uuid(device), owner);
    refuse_unless(atomics.value_or(false),
                  "the peer's GPU is hidden from this process (CUDA_VISIBLE_DEVICES), and {}",
                  atomics ? "the two GPUs have no native atomics (PCIe?)"
                          : "NVML does not report whether the two GPUs have native atomics");
    return;
  }
  const Driver& driver = Driver::get();
  CUdevice here = 0, there = 0;
  cuda::check(driver.DeviceGet(&here, device), "cuDeviceGet");
  cuda::check(driver.DeviceGet(&there, *theirs), "cuDeviceGet");
  int access = 0, atomics = 0;
  cuda::check(driver.DeviceCanAccessPeer(&access, here, there), "cuDeviceCanAccessPeer");
  refuse_unless(access != 0,
                "cuda:{} has no peer access to the peer's GPU (cuda:{} in this process)", device,
                *theirs);
  cuda::check(driver.DeviceGetP2PAttribute(
                  &atomics, CU_DEVICE_P2P_ATTRIBUTE_NATIVE_ATOMIC_SUPPORTED, here, there),
              "cuDeviceGetP2PAttribute");
  refuse_unless(
      atomics != 0,
      "cuda:{} and the peer's GPU (cuda:{} in this process) have no native atomics (PCIe?)", device,
      *theirs);
}

class CudaIpcTransport : public Transport {
 public:
  explicit CudaIpcTransport(const TransportEnvironment& environment) : environment_(environment) {}

  std::string_view name() const override { return "cuda_ipc"; }

  Offer<Export> export_block(const std::shared_ptr<Block>& block) override {
    return offer<Export>(
        [&] { return export_memory(environment_.fds, block, environment_.options.cuda_handle); });
  }

  Offer<Attachment> attach(const PeerInfo& peer, const BlockId& block, std::string_view handle,
                           std::chrono::milliseconds timeout) override {
    return offer<Attachment>([&] {
      const CudaIpcHandle theirs = CudaIpcHandle::decode(handle);
      require(block.process == peer.process.id, Errc::invalid_argument,
              "block {:x}-{} does not belong to rank {}", block.process, block.number, peer.rank);
      return attach_memory(peer, block, theirs, timeout);
    });
  }

 private:
  std::shared_ptr<Attachment> attach_memory(const PeerInfo& peer, const BlockId& block,
                                            const CudaIpcHandle& theirs,
                                            std::chrono::milliseconds timeout) const {
    const int device = peer.used_from.index;
    const bool on_this_host = peer.host_id == environment_.host_id;
    refuse_unless(on_this_host || !theirs.fabric.empty(),
                  "another host (id {}, here {}), and the peer has no fabric handle for the memory",
                  peer.host_id, environment_.host_id);
    // No API reports the access to GPUs of other hosts. Such GPUs are connected by NVLink, which
    // supports native atomics.
    if (on_this_host || ordinal_of(theirs.gpu)) check_access(device, theirs.gpu);
    const bool is_ours = theirs.address_space == cuda::process_state().address_space &&
                         peer.process.pid == ::getpid() && on_this_host;
    if (is_ours && !theirs.legacy.empty()) return attach_own(theirs, device);
    auto import = this->import(peer, block, theirs, device, timeout);
    refuse_unless(theirs.offset + theirs.bytes <= import->bytes(),
                  "{} bytes at {} exceed the allocation of {}", theirs.bytes, theirs.offset,
                  import->bytes());
    import->grant(device);
    std::byte* const at = import->base() + theirs.offset;
    verify(theirs, block, device, at);
    return std::make_shared<CudaAttachment>(std::move(import), at, theirs.bytes);
  }

  /// Attaches cudaMalloc memory of this process by its address: cudaIpcOpenMemHandle cannot open a
  /// handle in the process that exported it.
  static std::shared_ptr<Attachment> attach_own(const CudaIpcHandle& theirs, int device) {
    auto* const at = reinterpret_cast<std::byte*>(theirs.address);
    const cuda::PointerFacts facts = [&] {
      const cuda::OnDevice here(device);
      return cuda::facts_of(at);
    }();
    require(
        facts.bytes >= theirs.bytes && theirs.address - facts.begin <= facts.bytes - theirs.bytes,
        Errc::invalid_argument, "{} bytes at {:#x} are not within one allocation", theirs.bytes,
        theirs.address);
    if (const auto owner = ordinal_of(theirs.gpu); owner && *owner != device)
      cuda::process_state().enabled_peers.enable(device, *owner);
    return std::make_shared<CudaAttachment>(nullptr, at, theirs.bytes);
  }

  std::shared_ptr<cuda::Import> import(const PeerInfo& peer, const BlockId& block,
                                       const CudaIpcHandle& theirs, int device,
                                       std::chrono::milliseconds timeout) const {
    cuda::ImportCache& imports = cuda::process_state().imports;
    if (auto known = imports.find(block)) return known;
    if (peer.host_id == environment_.host_id) {
      if (!theirs.fd_token.empty()) {
        const Fd fd = fetch_peer_descriptor(theirs.fd_service, theirs.fd_token, timeout);
        return imports.import_descriptor(block, fd, theirs.allocation_bytes, device);
      }
      if (!theirs.legacy.empty())
        return cuda::import_legacy(theirs.legacy, theirs.allocation_bytes, device);
    }
    refuse_unless(!theirs.fabric.empty(),
                  "the peer's memory has no handle that this rank can open");
    return imports.import_fabric(block, theirs.fabric, theirs.allocation_bytes, device);
  }

  /// Reads the token through the mapping with the GPU that will use the mapping. Throws Refusal if
  /// the token differs from `block`.
  void verify(const CudaIpcHandle& theirs, const BlockId& block, int device,
              const std::byte* at) const {
    if (!environment_.options.verify || !theirs.has_token) return;
    require(theirs.allocation_bytes - theirs.offset - theirs.bytes >= sizeof block,
            Errc::invalid_argument, "cuda_ipc handle: the allocation ends before the token");
    BlockId token;
    environment_.gpus->gpu(device).copy(&token, at + theirs.bytes, sizeof token);
    refuse_unless(token == block, "the mapped memory is not the requested block (token differs)");
  }

  const TransportEnvironment& environment_;
};

}  // namespace

std::vector<std::shared_ptr<Transport>> make_transports(const TransportEnvironment& environment) {
  return {std::make_shared<CudaIpcTransport>(environment)};
}

}  // namespace symmem::cuda_ipc
