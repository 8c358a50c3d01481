// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <mutex>

#include "base/check.hpp"
#include "base/refusal.hpp"
#include "ucx/deadline_wait.hpp"
#include "ucx/factory.hpp"
#include "ucx/gpu_key.hpp"
#include "ucx/key.hpp"

namespace symmem::ucx {
namespace {

/// RAII: the registration of a block with UCX.
class Registration {
 public:
  /// Throws Refusal if UCX cannot register this memory.
  Registration(Engine& engine, const Block& block, bool has_token)
      : ucp_(engine.ucp()), context_(engine.context()), gpu_(engine.gpu(block.device)) {
    const bool on_gpu = block.device.type == DeviceType::cuda;
    const auto here = gpu_ ? gpu_->enter() : nullptr;
    ucp_mem_map_params_t params{};
    params.field_mask = UCP_MEM_MAP_PARAM_FIELD_ADDRESS | UCP_MEM_MAP_PARAM_FIELD_LENGTH |
                        UCP_MEM_MAP_PARAM_FIELD_MEMORY_TYPE;
    params.address = block.base;
    params.length = block.bytes + (has_token ? Block::kTokenBytes : 0);
    params.memory_type = on_gpu ? UCS_MEMORY_TYPE_CUDA : UCS_MEMORY_TYPE_HOST;
    refuse_unless_ok(ucp_, ucp_.mem_map(context_, &params, &memory_), "ucp_mem_map");
    ucp_mem_attr_t found{};
    found.field_mask = UCP_MEM_ATTR_FIELD_MEM_TYPE;
    // Without the UCX modules for CUDA, UCX may register GPU memory as host memory and crash at the
    // first put.
    if (on_gpu &&
        (ucp_.mem_query(memory_, &found) != UCS_OK || found.mem_type != UCS_MEMORY_TYPE_CUDA)) {
      ucp_.mem_unmap(context_, memory_);
      refuse("UCX {} did not register GPU memory as CUDA memory", ucp_.version());
    }
  }
  ~Registration() try {
    const auto here = gpu_ ? gpu_->enter() : nullptr;
    ucp_.mem_unmap(context_, memory_);
  } catch (...) {  // The CUDA driver is shutting down.
  }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

  /// Returns the packed remote key. Throws Refusal if UCX cannot create a key for this memory.
  std::string pack() const {
    void* key = nullptr;
    std::size_t bytes = 0;
    refuse_unless_ok(ucp_, ucp_.rkey_pack(context_, memory_, &key, &bytes), "ucp_rkey_pack");
    std::string packed(static_cast<const char*>(key), bytes);
    ucp_.rkey_buffer_release(key);
    return packed;
  }

 private:
  const Library& ucp_;
  const ucp_context_h context_;
  Gpu* const gpu_;  ///< Null for host memory.
  ucp_mem_h memory_ = nullptr;
};

/// A block that peers access with messages and, if the block is registered, with RMA.
class UcxExport : public Export {
 public:
  UcxExport(std::shared_ptr<Engine> engine, std::shared_ptr<Block> block, bool registers)
      : engine_(std::move(engine)), block_(std::move(block)) {
    const bool has_token = block_->descriptor != -1;
    if (registers) registration_ = std::make_unique<Registration>(*engine_, *block_, has_token);
    handle_ = UcxHandle{engine_->ucp().version(),
                        block_->id,
                        reinterpret_cast<std::uintptr_t>(block_->base),
                        block_->bytes,
                        has_token,
                        engine_->address(),
                        registers ? registration_->pack() : std::string()}
                  .encode();
    engine_->service().add(block_, engine_->gpu(block_->device));
  }
  ~UcxExport() override { engine_->service().remove(block_->id); }
  std::string handle() const override { return handle_; }

 private:
  const std::shared_ptr<Engine> engine_;
  const std::shared_ptr<Block> block_;
  std::unique_ptr<Registration> registration_;
  std::string handle_;
};

class UcxAttachment : public Attachment {
 public:
  UcxAttachment(std::unique_ptr<UcxKey> key, std::size_t bytes)
      : bytes_(bytes), key_(std::move(key)) {}
  std::byte* pointer() const override { return nullptr; }
  UcxKey* key() override { return key_.get(); }
  std::size_t bytes() const override { return bytes_; }

 private:
  const std::size_t bytes_;
  const std::unique_ptr<UcxKey> key_;
};

/// The engine of a Context. The first call of get() starts it; the transports ucx and ucx_staged
/// share it.
class LazyEngine {
 public:
  explicit LazyEngine(const TransportEnvironment& environment) : environment_(environment) {}

  const Options& options() const { return environment_.options; }
  /// Returns the engine. Each call throws Refusal if UCX cannot be used on this host.
  std::shared_ptr<Engine> get() {
    const std::lock_guard lock(mutex_);
    if (!engine_)
      engine_ = std::make_shared<Engine>(environment_.options, environment_.process.id,
                                         environment_.log, environment_.gpus);
    return engine_;
  }
  /// Calls `use(engine)` if the engine was started.
  template <typename Use>
  void if_started(Use use) noexcept {
    const std::lock_guard lock(mutex_);
    if (engine_) use(*engine_);
  }

 private:
  const TransportEnvironment& environment_;
  std::mutex mutex_;  ///< Guards engine_.
  std::shared_ptr<Engine> engine_;
};

class UcxTransport : public Transport {
 public:
  /// If `staged`, transfers GPU memory with messages only, even if UCX supports CUDA.
  UcxTransport(std::shared_ptr<LazyEngine> engine, bool staged)
      : engine_(std::move(engine)), staged_(staged) {}

  std::string_view name() const override { return staged_ ? "ucx_staged" : "ucx"; }
  bool by_key() const override { return true; }

  Offer<Export> export_block(const std::shared_ptr<Block>& block) override {
    return offer<Export>([&] {
      auto engine = engine_->get();
      if (!staged_) check_gpu_support(*engine, block->device);
      return std::make_shared<UcxExport>(std::move(engine), block, !staged_);
    });
  }

  Offer<Attachment> attach(const PeerInfo& peer, const BlockId& block, std::string_view handle,
                           std::chrono::milliseconds timeout) override {
    const UcxHandle theirs = UcxHandle::decode(handle);
    require(theirs.block == block && block.process == peer.process.id, Errc::invalid_argument,
            "the ucx handle is for block {:x}-{}, not for block {:x}-{} of the peer",
            theirs.block.process, theirs.block.number, block.process, block.number);
    return offer<Attachment>([&] {
      auto engine = engine_->get();
      refuse_unless(same_generation(theirs.version, engine->ucp()),
                    "the peer runs UCX {}, this rank UCX {}: their remote keys are incompatible",
                    theirs.version, engine->ucp().version());
      Endpoint& endpoint = engine->endpoint(peer.process.id, theirs.worker);
      Gpu* const gpu = engine->gpu(peer.used_from);
      auto key = make_key(std::move(engine), endpoint, theirs, gpu);
      if (engine_->options().verify) {
        const auto here = gpu != nullptr ? gpu->enter() : nullptr;
        DeadlineWait wait(Deadline::in(timeout, {}));
        key->verify(wait);
      }
      return std::make_shared<UcxAttachment>(std::move(key), theirs.bytes);
    });
  }

  void on_peer_lost(const Process& peer) noexcept override {
    engine_->if_started([&](Engine& engine) { engine.abandon_peer(peer.id); });
  }
  void drain(std::chrono::milliseconds timeout) noexcept override {
    engine_->if_started([&](Engine& engine) { engine.drain(timeout); });
  }
  void shutdown() noexcept override {
    engine_->if_started([](Engine& engine) { engine.shutdown(); });
  }

 private:
  /// Throws Refusal if this UCX cannot access memory on `device`, or if writes to it cannot be
  /// ordered before a signal.
  void check_gpu_support(Engine& engine, const Device& device) const {
    if (device.type == DeviceType::cuda)
      refuse_unless(engine.knows_cuda(),
                    "UCX {} ({}) has no CUDA support or finds no CUDA driver; set "
                    "SYMMEM_UCX_LIBRARY to a libucp with CUDA support",
                    engine.ucp().version(), engine_->options().ucx_library);
    if (Gpu* const gpu = engine.gpu(device))
      refuse_unless(gpu->remote_writes() != Gpu::RemoteWrites::unordered,
                    "writes from a network card to {} cannot be ordered before a signal",
                    to_string(device));
  }
  std::unique_ptr<UcxKey> make_key(std::shared_ptr<Engine> engine, Endpoint& endpoint,
                                   const UcxHandle& theirs, Gpu* gpu) const {
    if (gpu == nullptr) return std::make_unique<UcxKey>(std::move(engine), endpoint, theirs);
    return std::make_unique<GpuKey>(std::move(engine), endpoint, theirs, *gpu, /*rma=*/!staged_);
  }
  static bool same_generation(const std::string& version, const Library& ucp) {
    return version.starts_with(ucp.generation() + ".");
  }

  const std::shared_ptr<LazyEngine> engine_;
  const bool staged_;
};

}  // namespace

std::vector<std::shared_ptr<Transport>> make_transports(const TransportEnvironment& environment) {
  const auto engine = std::make_shared<LazyEngine>(environment);
  return {std::make_shared<UcxTransport>(engine, /*staged=*/false),
          std::make_shared<UcxTransport>(engine, /*staged=*/true)};
}

}  // namespace symmem::ucx
