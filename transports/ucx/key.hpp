// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>

#include "ucx/endpoint.hpp"
#include "ucx/handle.hpp"

namespace symmem::ucx {

/// A peer's block by UCX: bulk by RMA with its remote key, the rest by messages.
class UcxKey : public BlockKey {
 public:
  UcxKey(std::shared_ptr<Engine> engine, std::shared_ptr<Endpoint> endpoint, UcxHandle handle);
  ~UcxKey() override;

  void put(std::size_t offset, const void* source, std::size_t bytes, Wait& wait) override;
  void get(std::size_t offset, void* target, std::size_t bytes, Wait& wait) override;
  void get_pieces(std::span<const GetPiece> pieces, Wait& wait) override;
  void put_nbi(std::size_t offset, const void* source, std::size_t bytes, Wait& wait) override;
  void get_nbi(std::size_t offset, void* target, std::size_t bytes, Wait& wait) override;
  std::uint64_t atomic(AtomicOp op, std::size_t width, std::size_t offset, std::uint64_t value,
                       std::uint64_t expected, Wait& wait) override;
  void signal(const CounterAddress& place, Wait& wait) override;
  void put_with_signal(std::size_t offset, const void* source, std::size_t bytes, BlockKey& pad,
                       const CounterAddress& place, Wait& wait) override;
  void flush(Wait& wait) override { endpoint_->flush(wait); }
  void poll() override { engine_->poll(); }
  void stop_polling() override { engine_->stop_polling(); }
  /// By RMA, also what is not open to messages: proves that connection and remote key work.
  void read(std::size_t offset, void* target, std::size_t bytes, Wait& wait);
  /// By a message there and back: proves the connection alone.
  void ping(Wait& wait);
  PackedKey packed() const override { return {handle_.key, handle_.worker, handle_.address}; }

 protected:
  void put_rma(std::size_t offset, const void* source, std::size_t bytes, bool nbi, Wait& wait);
  /// Returns when `source` may be reused.
  void put_message(std::size_t offset, const void* source, std::size_t bytes, Wait& wait);

 private:
  void put(std::size_t offset, const void* source, std::size_t bytes, bool nbi, Wait& wait);
  Message message(Kind kind, std::size_t offset) const;
  ucp_rkey_h rkey();  ///< Unpacked at first use: a job has many keys and few that are used.

  const std::shared_ptr<Engine> engine_;
  const std::shared_ptr<Endpoint> endpoint_;
  const UcxHandle handle_;
  std::once_flag unpacked_;
  ucp_rkey_h rkey_ = nullptr;
};

}  // namespace symmem::ucx
