// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <mutex>

#include "base/check.hpp"
#include "ucx/deadline_wait.hpp"
#include "ucx/factory.hpp"
#include "ucx/gpu_key.hpp"
#include "ucx/key.hpp"

namespace symmem::ucx {
namespace {

/// A block registered with UCX as the memory that it is, until destruction.
class Registration {
 public:
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
    require_ok(ucp_, ucp_.mem_map(context_, &params, &memory_), "ucp_mem_map");
    ucp_mem_attr_t found{};
    found.field_mask = UCP_MEM_ATTR_FIELD_MEM_TYPE;
    // Without its CUDA parts UCX may take GPU memory for the host's, and crash at the first put.
    if (on_gpu &&
        (ucp_.mem_query(memory_, &found) != UCS_OK || found.mem_type != UCS_MEMORY_TYPE_CUDA)) {
      ucp_.mem_unmap(context_, memory_);
      fail(Errc::unsupported, "UCX {} registered GPU memory as something else", ucp_.version());
    }
  }
  ~Registration() try {
    const auto here = gpu_ ? gpu_->enter() : nullptr;
    ucp_.mem_unmap(context_, memory_);
  } catch (...) {  // The driver is going.
  }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

  std::string pack() const {
    void* key = nullptr;
    std::size_t bytes = 0;
    require_ok(ucp_, ucp_.rkey_pack(context_, memory_, &key, &bytes), "ucp_rkey_pack");
    std::string packed(static_cast<const char*>(key), bytes);
    ucp_.rkey_buffer_release(key);
    return packed;
  }

 private:
  const Library& ucp_;
  const ucp_context_h context_;
  const std::shared_ptr<Gpu> gpu_;  ///< Null for host memory.
  ucp_mem_h memory_ = nullptr;
};

/// A block open to messages and, if it is registered, to RMA.
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

/// The engine of a Context, for all its transports of this folder. Started by the first rendezvous
/// that needs it; if it cannot be, each asker hears the reason.
class Starter {
 public:
  explicit Starter(const TransportEnvironment& environment) : environment_(environment) {}

  const TransportEnvironment& environment() const { return environment_; }
  std::shared_ptr<Engine> engine() {
    const std::lock_guard lock(mutex_);
    if (!engine_)
      engine_ = std::make_shared<Engine>(environment_.options, environment_.process.id,
                                         environment_.log, environment_.gpus);
    return engine_;
  }
  void give_up(std::uint64_t process) noexcept {
    const std::lock_guard lock(mutex_);
    if (engine_) engine_->give_up(process);
  }
  void finish(std::chrono::milliseconds timeout) noexcept {
    const std::lock_guard lock(mutex_);
    if (engine_) engine_->finish(timeout);
  }
  void stop() noexcept {
    const std::lock_guard lock(mutex_);
    if (engine_) engine_->stop();
  }

 private:
  const TransportEnvironment& environment_;
  std::mutex mutex_;  ///< Guards engine_.
  std::shared_ptr<Engine> engine_;
};

class UcxTransport : public Transport {
 public:
  /// `staged`: GPU memory by messages alone, whatever UCX knows of it.
  UcxTransport(std::shared_ptr<Starter> starter, bool staged)
      : starter_(std::move(starter)), staged_(staged) {}

  std::string_view name() const override { return staged_ ? "ucx_staged" : "ucx"; }
  bool by_key() const override { return true; }

  Offer<Export> export_block(const std::shared_ptr<Block>& block) override {
    try {
      const auto engine = starter_->engine();
      if (block->device.type == DeviceType::cuda && !staged_)
        require(engine->knows_cuda(), Errc::unsupported,
                "UCX {} ({}) has no CUDA support, or no driver; name one that has with "
                "SYMMEM_UCX_LIBRARY",
                engine->ucp().version(), starter_->environment().options.ucx_library);
      if (const auto gpu = engine->gpu(block->device); gpu && !staged_)
        require(gpu->remote_writes() != Gpu::RemoteWrites::unordered, Errc::unsupported,
                "what a network card writes to {} cannot be put in order with a signal",
                to_string(block->device));
      return {std::make_shared<UcxExport>(engine, block, !staged_), {}};
    } catch (const Error& e) {
      if (e.code() != Errc::unsupported) throw;
      return Offer<Export>::refuse(e.what());
    }
  }

  Offer<Attachment> attach(const PeerInfo& peer, const BlockId& block, std::string_view handle,
                           std::chrono::milliseconds timeout) override {
    const UcxHandle theirs = UcxHandle::decode(handle);
    require(theirs.block == block && block.process == peer.process.id, Errc::invalid_argument,
            "the ucx handle is of block {:x}-{}, not of block {:x}-{} of that rank",
            theirs.block.process, theirs.block.number, block.process, block.number);
    try {
      const auto engine = starter_->engine();
      require(same_generation(theirs.version, engine->ucp()), Errc::unsupported,
              "it runs UCX {}, this rank UCX {}: their keys do not fit", theirs.version,
              engine->ucp().version());
      auto endpoint = engine->endpoint(peer.process.id, theirs.worker);
      const auto gpu = engine->gpu(peer.used_from);
      auto attachment = std::make_shared<UcxAttachment>(
          make_key(engine, std::move(endpoint), theirs, gpu), theirs.bytes);
      const auto here = gpu ? gpu->enter() : nullptr;
      if (starter_->environment().options.verify) verify(*attachment->key(), theirs, timeout);
      return {std::move(attachment), {}};
    } catch (const Error& e) {
      if (e.code() == Errc::timeout) throw;
      return Offer<Attachment>::refuse(e.what());
    }
  }

  void on_peer_lost(const Process& peer) noexcept override { starter_->give_up(peer.id); }
  void drain(std::chrono::milliseconds timeout) noexcept override { starter_->finish(timeout); }
  void shutdown() noexcept override { starter_->stop(); }

 private:
  std::unique_ptr<UcxKey> make_key(std::shared_ptr<Engine> engine,
                                   std::shared_ptr<Endpoint> endpoint, const UcxHandle& theirs,
                                   std::shared_ptr<Gpu> gpu) const {
    if (!gpu) return std::make_unique<UcxKey>(std::move(engine), std::move(endpoint), theirs);
    return std::make_unique<GpuKey>(std::move(engine), std::move(endpoint), theirs, std::move(gpu),
                                    /*rma=*/!staged_);
  }
  static bool same_generation(const std::string& version, const Library& ucp) {
    return version.starts_with(ucp.generation() + ".");
  }

  /// Reads the block's token: proves connection and key. Other memory has none; then its first
  /// byte. Without a key there is only the connection to prove.
  static void verify(UcxKey& key, const UcxHandle& theirs, std::chrono::milliseconds timeout) {
    DeadlineWait wait(Deadline::in(timeout, {}));
    if (theirs.key.empty()) return key.ping(wait);
    if (!theirs.has_token) {
      std::byte first{};
      if (theirs.bytes != 0) key.read(0, &first, 1, wait);
      return;
    }
    BlockId token;
    key.read(theirs.bytes, &token, sizeof token, wait);
    require(token == theirs.block, Errc::refused,
            "the memory read is not the block that was asked for (token differs)");
  }

  const std::shared_ptr<Starter> starter_;
  const bool staged_;
};

}  // namespace

std::vector<std::shared_ptr<Transport>> make_transports(const TransportEnvironment& environment) {
  const auto starter = std::make_shared<Starter>(environment);
  return {std::make_shared<UcxTransport>(starter, /*staged=*/false),
          std::make_shared<UcxTransport>(starter, /*staged=*/true)};
}

}  // namespace symmem::ucx
