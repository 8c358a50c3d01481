// SPDX-License-Identifier: Apache-2.0
#include "ucx/key.hpp"

namespace symmem::ucx {

UcxKey::UcxKey(std::shared_ptr<Engine> engine, std::shared_ptr<Endpoint> endpoint, UcxHandle handle)
    : engine_(std::move(engine)), endpoint_(std::move(endpoint)), handle_(std::move(handle)) {}

UcxKey::~UcxKey() {
  if (rkey_ == nullptr) return;
  const auto lock = engine_->worker().lock();
  engine_->ucp().rkey_destroy(rkey_);
}

ucp_rkey_h UcxKey::rkey() {
  std::call_once(unpacked_, [this] { rkey_ = endpoint_->unpack(handle_.key); });
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
  if (bytes <= kSmall || !endpoint_->puts_by_rma())
    endpoint_->send(message(Kind::put, offset), source, bytes, nbi, wait);
  else
    put_rma(offset, source, bytes, nbi, wait);
}

void UcxKey::put_rma(std::size_t offset, const void* source, std::size_t bytes, bool nbi,
                     Wait& wait) {
  endpoint_->put(handle_.address + offset, rkey(), source, bytes, nbi, wait);
}

void UcxKey::put_message(std::size_t offset, const void* source, std::size_t bytes, Wait& wait) {
  endpoint_->send(message(Kind::put, offset), source, bytes, /*nbi=*/false, wait);
}

void UcxKey::ping(Wait& wait) {
  Message ask;
  ask.kind = Kind::flush;
  static_cast<void>(endpoint_->ask(ask, wait));
}

void UcxKey::put(std::size_t offset, const void* source, std::size_t bytes, Wait& wait) {
  put(offset, source, bytes, /*nbi=*/false, wait);
}

void UcxKey::put_nbi(std::size_t offset, const void* source, std::size_t bytes, Wait& wait) {
  put(offset, source, bytes, /*nbi=*/true, wait);
}

void UcxKey::get(std::size_t offset, void* target, std::size_t bytes, Wait& wait) {
  const GetPiece piece{offset, target, bytes};
  endpoint_->get(message(Kind::get, 0), {&piece, 1}, /*nbi=*/false, wait);
}

void UcxKey::get_pieces(std::span<const GetPiece> pieces, Wait& wait) {
  endpoint_->get(message(Kind::get, 0), pieces, /*nbi=*/false, wait);
}

void UcxKey::get_nbi(std::size_t offset, void* target, std::size_t bytes, Wait& wait) {
  const GetPiece piece{offset, target, bytes};
  endpoint_->get(message(Kind::get, 0), {&piece, 1}, /*nbi=*/true, wait);
}

void UcxKey::read(std::size_t offset, void* target, std::size_t bytes, Wait& wait) {
  endpoint_->read(handle_.address + offset, rkey(), target, bytes, wait);
}

std::uint64_t UcxKey::atomic(AtomicOp op, std::size_t width, std::size_t offset,
                             std::uint64_t value, std::uint64_t expected, Wait& wait) {
  Message ask = message(Kind::atomic, offset);
  ask.op = op;
  ask.width = static_cast<std::uint8_t>(width);
  ask.value = value;
  ask.expected = expected;
  return endpoint_->ask(ask, wait);
}

void UcxKey::signal(const CounterAddress& place, Wait& wait) {
  // Messages keep their order; RMA takes other ways.
  endpoint_->flush_rma(wait);
  Message send = message(Kind::signal, place.pad);
  send.count_at = static_cast<std::uint32_t>(place.count - place.pad);
  endpoint_->send(send, nullptr, 0, /*nbi=*/false, wait);
}

void UcxKey::put_with_signal(std::size_t offset, const void* source, std::size_t bytes,
                             BlockKey& pad, const CounterAddress& place, Wait& wait) {
  auto& theirs = static_cast<UcxKey&>(pad);  // The core promises that.
  if (bytes > kSmall) {
    put(offset, source, bytes, wait);
    return theirs.signal(place, wait);
  }
  endpoint_->flush_rma(wait);
  Message send = message(Kind::put_with_signal, offset);
  send.value = theirs.handle_.block.number;
  send.expected = place.pad;
  send.count_at = static_cast<std::uint32_t>(place.count - place.pad);
  endpoint_->send(send, source, bytes, /*nbi=*/false, wait);
}

}  // namespace symmem::ucx
