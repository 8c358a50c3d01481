// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>

#include "ucx/engine.hpp"
#include "ucx/handle.hpp"

namespace symmem::ucx {

/// Access to a peer's block through UCX: large puts use RMA if Endpoint::puts_by_rma(), all other
/// operations use messages.
class UcxKey : public BlockKey {
 public:
  /// `endpoint` belongs to `engine`.
  UcxKey(std::shared_ptr<Engine> engine, Endpoint& endpoint, UcxHandle handle);
  ~UcxKey() override;

  void put(std::size_t offset, const void* source, std::size_t bytes, Wait& wait) override;
  void get(std::size_t offset, void* target, std::size_t bytes, Wait& wait) override;
  void get_pieces(std::span<const GetPiece> pieces, Wait& wait) override;
  void put_nbi(std::size_t offset, const void* source, std::size_t bytes, Wait& wait) override;
  void get_nbi(std::size_t offset, void* target, std::size_t bytes, Wait& wait) override;
  std::uint64_t atomic(AtomicOp op, std::size_t width, std::size_t offset, std::uint64_t value,
                       std::uint64_t expected, Wait& wait) override;
  void signal(const CounterAddress& counter, Wait& wait) override;
  void put_with_signal(std::size_t offset, const void* source, std::size_t bytes, BlockKey& pad,
                       const CounterAddress& counter, Wait& wait) override;
  void flush(Wait& wait) override { endpoint_.flush(wait); }
  void poll() override { engine_->driver().poll(); }
  void stop_polling() override { engine_->driver().stop_polling(); }
  RemoteKey packed() const override { return {handle_.key, handle_.worker, handle_.address}; }

  /// Verifies, while the block is attached, that the connection works and that the remote key
  /// refers to the block. Throws Refusal if not.
  void verify(Wait& wait);

 protected:
  void put_rma(std::size_t offset, const void* source, std::size_t bytes, bool nbi, Wait& wait);
  /// Puts with messages. Returns when `source` may be reused.
  void put_message(std::size_t offset, const void* source, std::size_t bytes, Wait& wait);

 private:
  void put(std::size_t offset, const void* source, std::size_t bytes, bool nbi, Wait& wait);
  Message message(Kind kind, std::size_t offset) const;
  /// Verifies the connection only: sends a message and waits for the reply.
  void ping(Wait& wait);
  /// Gets with RMA, also from ranges that are not open to messages.
  void read(std::size_t offset, void* target, std::size_t bytes, Wait& wait);
  void verify_memory(Wait& wait);
  /// Unpacks the remote key on the first call only, because a job has many keys and uses few of
  /// them.
  ucs_status_t unpack();
  /// Returns the unpacked remote key. Throws Error(unsupported) if UCX cannot unpack the key.
  ucp_rkey_h rkey();

  const std::shared_ptr<Engine> engine_;
  Endpoint& endpoint_;
  const UcxHandle handle_;
  std::once_flag unpacked_;
  ucs_status_t unpack_status_ = UCS_OK;
  ucp_rkey_h rkey_ = nullptr;
};

}  // namespace symmem::ucx
