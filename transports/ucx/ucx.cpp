// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <mutex>

#include "base/check.hpp"
#include "ucx/deadline_wait.hpp"
#include "ucx/factory.hpp"
#include "ucx/key.hpp"

namespace symmem::ucx {
namespace {

/// A block registered with UCX, and open to messages.
class UcxExport : public Export {
 public:
  UcxExport(std::shared_ptr<Engine> engine, std::shared_ptr<Block> block)
      : engine_(std::move(engine)), block_(std::move(block)) {
    const bool has_token = block_->descriptor != -1;
    ucp_mem_map_params_t params{};
    params.field_mask = UCP_MEM_MAP_PARAM_FIELD_ADDRESS | UCP_MEM_MAP_PARAM_FIELD_LENGTH;
    params.address = block_->base;
    params.length = block_->bytes + (has_token ? Block::kTokenBytes : 0);
    const Library& ucp = engine_->ucp();
    require_ok(ucp, ucp.mem_map(engine_->context(), &params, &mapped_), "ucp_mem_map");
    void* key = nullptr;
    std::size_t bytes = 0;
    const ucs_status_t packed = ucp.rkey_pack(engine_->context(), mapped_, &key, &bytes);
    if (packed != UCS_OK) ucp.mem_unmap(engine_->context(), mapped_);
    require_ok(ucp, packed, "ucp_rkey_pack");
    handle_ = UcxHandle{ucp.version(),
                        block_->id,
                        reinterpret_cast<std::uintptr_t>(block_->base),
                        block_->bytes,
                        has_token,
                        engine_->address(),
                        std::string(static_cast<const char*>(key), bytes)}
                  .encode();
    ucp.rkey_buffer_release(key);
    engine_->service().add(block_);
  }
  ~UcxExport() override {
    engine_->service().remove(block_->id);
    engine_->ucp().mem_unmap(engine_->context(), mapped_);
  }
  std::string handle() const override { return handle_; }

 private:
  const std::shared_ptr<Engine> engine_;
  const std::shared_ptr<Block> block_;
  ucp_mem_h mapped_ = nullptr;
  std::string handle_;
};

class UcxAttachment : public Attachment {
 public:
  UcxAttachment(std::shared_ptr<Engine> engine, std::shared_ptr<Endpoint> endpoint,
                const UcxHandle& handle)
      : bytes_(handle.bytes), key_(std::move(engine), std::move(endpoint), handle) {}
  std::byte* pointer() const override { return nullptr; }
  UcxKey* key() override { return &key_; }
  std::size_t bytes() const override { return bytes_; }

 private:
  const std::size_t bytes_;
  UcxKey key_;
};

class UcxTransport : public Transport {
 public:
  explicit UcxTransport(const TransportEnvironment& environment) : environment_(environment) {}

  std::string_view name() const override { return "ucx"; }
  bool by_key() const override { return true; }

  Offer<Export> export_block(const std::shared_ptr<Block>& block) override {
    try {
      return {std::make_shared<UcxExport>(engine(), block), {}};
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
      const auto engine = this->engine();
      require(same_generation(theirs.version, engine->ucp()), Errc::unsupported,
              "it runs UCX {}, this rank UCX {}: their keys do not fit", theirs.version,
              engine->ucp().version());
      auto attachment = std::make_shared<UcxAttachment>(
          engine, engine->endpoint(peer.process.id, theirs.worker), theirs);
      if (environment_.options.verify) verify(*attachment->key(), theirs, timeout);
      return {std::move(attachment), {}};
    } catch (const Error& e) {
      if (e.code() == Errc::timeout) throw;
      return Offer<Attachment>::refuse(e.what());
    }
  }

  void stop(std::chrono::milliseconds timeout) noexcept override {
    const std::lock_guard lock(mutex_);
    if (engine_) engine_->stop(timeout);
  }

 private:
  static bool same_generation(const std::string& version, const Library& ucp) {
    return version.starts_with(ucp.generation() + ".");
  }

  /// Reads the block's token: proves connection and key. Other memory has none; then its first
  /// byte.
  static void verify(UcxKey& key, const UcxHandle& theirs, std::chrono::milliseconds timeout) {
    DeadlineWait wait(Deadline::in(timeout, {}));
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

  /// Started by the first rendezvous that needs it. If it cannot be, each asker hears the reason.
  std::shared_ptr<Engine> engine() {
    const std::lock_guard lock(mutex_);
    if (!engine_)
      engine_ =
          std::make_shared<Engine>(environment_.options, environment_.process.id, environment_.log);
    return engine_;
  }

  const TransportEnvironment& environment_;
  std::mutex mutex_;  ///< Guards engine_.
  std::shared_ptr<Engine> engine_;
};

}  // namespace

std::shared_ptr<Transport> make_transport(const TransportEnvironment& environment) {
  return std::make_shared<UcxTransport>(environment);
}

}  // namespace symmem::ucx
