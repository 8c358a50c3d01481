// SPDX-License-Identifier: Apache-2.0
#include <cuda.h>
#include <unistd.h>

#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "base/check.hpp"
#include "gpu/driver.hpp"
#include "fd_service/fd_service.hpp"
#include "gpu/gpu.hpp"
#include "cuda_ipc/export.hpp"
#include "cuda_ipc/factory.hpp"
#include "cuda_ipc/handle.hpp"
#include "cuda_ipc/imports.hpp"
#include "cuda_ipc/nvml.hpp"

namespace symmem::cuda_ipc {
namespace {

using cuda::Driver;

class CudaAttachment : public Attachment {
 public:
  /// `import` is empty for memory of this process, which its owner keeps.
  CudaAttachment(std::shared_ptr<Import> import, std::byte* at, std::size_t bytes)
      : import_(std::move(import)), at_(at), bytes_(bytes) {}
  std::byte* pointer() const override { return at_; }
  std::size_t bytes() const override { return bytes_; }

 private:
  const std::shared_ptr<Import> import_;
  std::byte* const at_;
  const std::size_t bytes_;
};

/// What this process calls the GPU of that UUID; empty if it does not see it.
std::optional<int> ordinal_of(const std::string& uuid) {
  for (int i = 0; i < Driver::get().device_count(); ++i)
    if (cuda::uuid(i) == uuid) return i;
  return {};
}

/// Error(refused) unless `device` can work on memory of the GPU `owner`. One that this process does
/// not see cannot be asked: then mapping shows it.
void check_access(int device, const std::string& owner) {
  const std::optional<int> theirs = ordinal_of(owner);
  if (theirs && *theirs == device) return;
  if (!theirs) {
    const auto atomics = native_atomics(cuda::uuid(device), owner);
    require(atomics.value_or(false), Errc::refused,
            "its GPU is hidden from this process (CUDA_VISIBLE_DEVICES), and {}",
            atomics ? "between both there are no native atomics (PCIe?)"
                    : "NVML cannot tell whether there are native atomics between both");
    return;
  }
  const Driver& driver = Driver::get();
  CUdevice here = 0, there = 0;
  cuda::check(driver.DeviceGet(&here, device), "cuDeviceGet");
  cuda::check(driver.DeviceGet(&there, *theirs), "cuDeviceGet");
  int access = 0, atomics = 0;
  cuda::check(driver.DeviceCanAccessPeer(&access, here, there), "cuDeviceCanAccessPeer");
  require(access != 0, Errc::refused, "cuda:{} has no peer access to its GPU (here cuda:{})",
          device, *theirs);
  cuda::check(driver.DeviceGetP2PAttribute(
                  &atomics, CU_DEVICE_P2P_ATTRIBUTE_NATIVE_ATOMIC_SUPPORTED, here, there),
              "cuDeviceGetP2PAttribute");
  require(atomics != 0, Errc::refused,
          "between cuda:{} and its GPU (here cuda:{}) there are no native atomics (PCIe?)", device,
          *theirs);
}

class CudaIpcTransport : public Transport {
 public:
  explicit CudaIpcTransport(const TransportEnvironment& environment) : environment_(environment) {}

  std::string_view name() const override { return "cuda_ipc"; }

  Offer<Export> export_block(const std::shared_ptr<Block>& block) override {
    try {
      return export_memory(environment_.fds, block, environment_.options.cuda_handle);
    } catch (const Error& e) {
      if (!is_of_driver(e)) throw;
      return Offer<Export>::refuse(e.what());
    }
  }

  Offer<Attachment> attach(const PeerInfo& peer, const BlockId& block, std::string_view handle,
                           std::chrono::milliseconds timeout) override {
    const CudaHandle theirs = CudaHandle::decode(handle);
    require(block.process == peer.process.id, Errc::invalid_argument,
            "block {:x}-{} is not of rank {}", block.process, block.number, peer.rank);
    const int device = peer.used_from.index;
    try {
      const bool on_this_host = peer.host_id == environment_.host_id;
      require(on_this_host || !theirs.fabric.empty(), Errc::refused,
              "another host (id {}, here {}), and no fabric handle is granted there", peer.host_id,
              environment_.host_id);
      // GPUs of other hosts cannot be asked; what joins them is NVLink, which has atomics.
      if (on_this_host || ordinal_of(theirs.gpu)) check_access(device, theirs.gpu);
      const bool is_ours =
          theirs.space == address_space() && peer.process.pid == ::getpid() && on_this_host;
      if (is_ours && !theirs.legacy.empty()) return own(theirs, device);
      auto import = this->import(peer, block, theirs, device, timeout);
      require(theirs.offset + theirs.bytes <= import->bytes(), Errc::refused,
              "{} bytes at {} go past the allocation's {}", theirs.bytes, theirs.offset,
              import->bytes());
      import->grant(device);
      std::byte* const at = import->base() + theirs.offset;
      verify(theirs, block, device, at);
      return {std::make_shared<CudaAttachment>(std::move(import), at, theirs.bytes), {}};
    } catch (const Error& e) {
      if (!is_of_driver(e)) throw;
      return Offer<Attachment>::refuse(e.what());
    }
  }

 private:
  /// What the driver does not take, another transport may. A handle that makes no sense stays an
  /// error, as does a deadline.
  static bool is_of_driver(const Error& e) {
    return e.code() == Errc::refused || e.code() == Errc::internal || e.code() == Errc::exhausted ||
           e.code() == Errc::unsupported;
  }
  /// Memory of this very process, which an IPC handle does not open: as it is.
  static Offer<Attachment> own(const CudaHandle& theirs, int device) {
    const cuda::OnDevice here(device);
    auto* const at = reinterpret_cast<std::byte*>(theirs.address);
    const cuda::PointerFacts facts = cuda::facts_of(at);
    require(
        facts.bytes >= theirs.bytes && theirs.address - facts.begin <= facts.bytes - theirs.bytes,
        Errc::invalid_argument, "{} bytes at {:#x} are not within one allocation", theirs.bytes,
        theirs.address);
    static std::mutex mutex;
    static auto* const enabled_pairs = new std::set<std::pair<int, int>>;
    const std::lock_guard lock(mutex);
    if (const auto owner = ordinal_of(theirs.gpu);
        owner && *owner != device && !enabled_pairs->contains({device, *owner})) {
      const cudaError_t enabled = cudaDeviceEnablePeerAccess(*owner, 0);
      static_cast<void>(cudaGetLastError());
      require(enabled == cudaSuccess || enabled == cudaErrorPeerAccessAlreadyEnabled, Errc::refused,
              "cudaDeviceEnablePeerAccess: {}", cudaGetErrorString(enabled));
      enabled_pairs->insert({device, *owner});
    }
    return {std::make_shared<CudaAttachment>(nullptr, at, theirs.bytes), {}};
  }

  std::shared_ptr<Import> import(const PeerInfo& peer, const BlockId& block,
                                 const CudaHandle& theirs, int device,
                                 std::chrono::milliseconds timeout) const {
    if (auto there = find_import(block)) return there;
    const SharedMemory memory{block, theirs.whole, device};
    if (peer.host_id == environment_.host_id) {
      if (!theirs.fd_token.empty())
        return import_descriptor(memory, fetch_fd(theirs.fd_service, theirs.fd_token, timeout));
      if (!theirs.legacy.empty()) return import_legacy(theirs.legacy, device, theirs.whole);
    }
    require(!theirs.fabric.empty(), Errc::refused, "it has no handle that this rank can open");
    return import_fabric(memory, theirs.fabric);
  }

  /// Reads the token back through the mapping, by the device that is to use it.
  void verify(const CudaHandle& theirs, const BlockId& block, int device,
              const std::byte* at) const {
    if (!environment_.options.verify || !theirs.has_token) return;
    require(theirs.whole - theirs.offset - theirs.bytes >= sizeof block, Errc::invalid_argument,
            "the cuda_ipc handle leaves no room for a token");
    BlockId token;
    environment_.gpus->gpu(device)->copy(&token, at + theirs.bytes, sizeof token);
    require(token == block, Errc::refused,
            "the mapped memory is not the block that was asked for (token differs)");
  }

  const TransportEnvironment& environment_;
};

}  // namespace

std::vector<std::shared_ptr<Transport>> make_transports(const TransportEnvironment& environment) {
  return {std::make_shared<CudaIpcTransport>(environment)};
}

}  // namespace symmem::cuda_ipc
