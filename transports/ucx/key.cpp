// SPDX-License-Identifier: Apache-2.0
#include "ucx/key.hpp"

#include "base/check.hpp"
#include "base/refusal.hpp"

namespace symmem::ucx {

UcxKey::UcxKey(std::shared_ptr<Engine> engine, Endpoint& endpoint, UcxHandle handle)
    : engine_(std::move(engine)), endpoint_(endpoint), handle_(std::move(handle)) {}

UcxKey::~UcxKey() {
  if (rkey_ == nullptr) return;
  const auto lock = engine_->worker().lock();
  engine_->ucp().rkey_destroy(rkey_);
}

ucs_status_t UcxKey::unpack() {
  std::call_once(unpacked_, [this] { unpack_status_ = endpoint_.unpack(handle_.key, rkey_); });
  return unpack_status_;
}

ucp_rkey_h UcxKey::rkey() {
  if (const ucs_status_t status = unpack(); status != UCS_OK) [[unlikely]]
    fail(Errc::unsupported, "ucp_ep_rkey_unpack: {} (UCX {})", engine_->ucp().status_string(status),
         engine_->ucp().version());
  return rkey_;
}

Message UcxKey::message(Kind kind, std::size_t offset) const {
  Message message;
  message.kind = kind;
  message.block = handle_.block.number;
  message.offset = offset;
  return message;
}

void UcxKey::put(std::size_t offset, const void* source, std::size_t bytes, bool nbi, Wait& wait) {
  if (bytes <= kSmallPut || !endpoint_.puts_by_rma())
    endpoint_.send(message(Kind::put, offset), source, bytes, nbi, wait);
  else
    put_rma(offset, source, bytes, nbi, wait);
}

void UcxKey::put_rma(std::size_t offset, const void* source, std::size_t bytes, bool nbi,
                     Wait& wait) {
  endpoint_.put(handle_.address + offset, rkey(), source, bytes, nbi, wait);
}

void UcxKey::put_message(std::size_t offset, const void* source, std::size_t bytes, Wait& wait) {
  endpoint_.send(message(Kind::put, offset), source, bytes, /*nbi=*/false, wait);
}

void UcxKey::ping(Wait& wait) {
  Message ping;
  ping.kind = Kind::flush;
  static_cast<void>(endpoint_.request(ping, wait));
}

void UcxKey::verify(Wait& wait) try {
  // A block without a remote key is accessible by messages only.
  if (handle_.key.empty()) return ping(wait);
  refuse_unless_ok(engine_->ucp(), unpack(), "ucp_ep_rkey_unpack");
  verify_memory(wait);
} catch (const Error& error) {
  // UCX connects at the first operation, which therefore fails here if no network reaches the peer.
  // If the peer has died instead, the store reports the loss to the rendezvous.
  if (error.code() == Errc::peer_lost) refuse("{}", error.what());
  throw;
}

void UcxKey::verify_memory(Wait& wait) {
  if (!handle_.has_token) {  // symmem did not allocate this memory.
    std::byte first{};
    if (handle_.bytes != 0) read(0, &first, 1, wait);
    return;
  }
  BlockId token;
  read(handle_.bytes, &token, sizeof token, wait);
  refuse_unless(token == handle_.block,
                "the remote key refers to other memory than the block (the token differs)");
}

void UcxKey::put(std::size_t offset, const void* source, std::size_t bytes, Wait& wait) {
  put(offset, source, bytes, /*nbi=*/false, wait);
}

void UcxKey::put_nbi(std::size_t offset, const void* source, std::size_t bytes, Wait& wait) {
  put(offset, source, bytes, /*nbi=*/true, wait);
}

void UcxKey::get(std::size_t offset, void* target, std::size_t bytes, Wait& wait) {
  const GetPiece piece{offset, {static_cast<std::byte*>(target), bytes}};
  endpoint_.get(message(Kind::get, 0), {&piece, 1}, /*nbi=*/false, wait);
}

void UcxKey::get_pieces(std::span<const GetPiece> pieces, Wait& wait) {
  endpoint_.get(message(Kind::get, 0), pieces, /*nbi=*/false, wait);
}

void UcxKey::get_nbi(std::size_t offset, void* target, std::size_t bytes, Wait& wait) {
  const GetPiece piece{offset, {static_cast<std::byte*>(target), bytes}};
  endpoint_.get(message(Kind::get, 0), {&piece, 1}, /*nbi=*/true, wait);
}

void UcxKey::read(std::size_t offset, void* target, std::size_t bytes, Wait& wait) {
  endpoint_.read(handle_.address + offset, rkey(), target, bytes, wait);
}

std::uint64_t UcxKey::atomic(AtomicOp op, std::size_t width, std::size_t offset,
                             std::uint64_t value, std::uint64_t expected, Wait& wait) {
  Message send = message(Kind::atomic, offset);
  send.op = op;
  send.width = static_cast<std::uint8_t>(width);
  send.value = value;
  send.expected = expected;
  return endpoint_.request(send, wait);
}

void UcxKey::signal(const CounterAddress& counter, Wait& wait) {
  // Messages are executed in order, but may overtake RMA operations.
  endpoint_.flush_rma(wait);
  Message send = message(Kind::signal, counter.pad);
  send.count_at = static_cast<std::uint32_t>(counter.count - counter.pad);
  endpoint_.send(send, nullptr, 0, /*nbi=*/false, wait);
}

void UcxKey::put_with_signal(std::size_t offset, const void* source, std::size_t bytes,
                             BlockKey& pad, const CounterAddress& counter, Wait& wait) {
  auto& theirs = static_cast<UcxKey&>(pad);  // BlockKey guarantees the type.
  if (bytes > kSmallPut) {
    put(offset, source, bytes, wait);
    return theirs.signal(counter, wait);
  }
  endpoint_.flush_rma(wait);
  Message send = message(Kind::put_with_signal, offset);
  send.value = theirs.handle_.block.number;
  send.expected = counter.pad;
  send.count_at = static_cast<std::uint32_t>(counter.count - counter.pad);
  endpoint_.send(send, source, bytes, /*nbi=*/false, wait);
}

}  // namespace symmem::ucx
