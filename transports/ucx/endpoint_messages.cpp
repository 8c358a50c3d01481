// SPDX-License-Identifier: Apache-2.0
// The endpoint operations that use messages. endpoint.cpp contains the connection and the RMA
// operations.
#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.hpp"
#include "base/doorbell.hpp"
#include "ucx/endpoint.hpp"

namespace symmem::ucx {
namespace {

/// Maximum number of get parts in flight: enough to cover the round-trip latency to the peer.
constexpr std::size_t kMaxParts = 16;

}  // namespace

void Endpoint::on_reply(const Reply& reply, std::string_view payload) {
  // Abandoned parts are no longer in parts_.
  if (const auto part = parts_.find(reply.request); part != parts_.end()) {
    const auto& [target, bytes, get] = part->second;
    if (reply.status == Reply::Status::done && payload.size() == bytes)
      std::memcpy(target, payload.data(), bytes);
    else
      get->refused = true;
    --get->left;
    parts_.erase(part);
    return;
  }
  const auto pending = replies_.find(reply.request);
  if (pending == replies_.end()) return;
  pending->second->reply = reply;
  pending->second->done = true;
}

void Endpoint::send(Message message, const void* payload, std::size_t bytes, bool nbi, Wait& wait) {
  auto lock = driver_.worker().lock();
  tsan_release();
  const auto* from = static_cast<const std::byte*>(payload);
  std::vector<OperationPtr> borrowing;
  try {
    do {
      const std::size_t piece = std::min(bytes, kMaxPayload);
      OperationPtr posted = post_message(message, from, piece, nbi, wait, lock);
      if (posted->borrows && !posted->done) borrowing.push_back(std::move(posted));
      from += piece;
      message.offset += piece;
      bytes -= piece;
    } while (bytes != 0);
    if (nbi) return;
    for (const OperationPtr& each : borrowing) {
      if (!each->done) driver_.wait(lock, wait, [&] { return each->done; });
      check(each);
    }
  } catch (const std::exception& error) {
    if (!std::all_of(borrowing.begin(), borrowing.end(),
                     [](const OperationPtr& each) { return each->done; }))
      release_buffers(error.what(), lock);
    throw;
  }
}

void Endpoint::request_parts(Message message, const GetPiece& piece, Get& get, Wait& wait,
                             std::unique_lock<std::mutex>& lock) {
  message.offset = piece.offset;
  for (std::size_t at = 0; at < piece.target.size();
       at += kMaxPayload, message.offset += kMaxPayload) {
    if (parts_.size() >= kMaxParts)
      driver_.wait(lock, wait, [&] { return broken_ || parts_.size() < kMaxParts; });
    check();
    message.request = next_request();
    message.value = std::min(piece.target.size() - at, kMaxPayload);
    parts_[message.request] = {piece.target.data() + at, message.value, &get};
    ++get.left;
    post_message(message, nullptr, 0, /*nbi=*/false, wait, lock);
  }
}

void Endpoint::get(Message message, std::span<const GetPiece> pieces, bool nbi, Wait& wait) {
  auto lock = driver_.worker().lock();
  Get own;
  Get& get = nbi ? nbi_gets_ : own;
  try {
    for (const GetPiece& piece : pieces) request_parts(message, piece, get, wait, lock);
    if (!nbi) driver_.wait(lock, wait, [&] { return broken_ || own.left == 0; });
    check();
  } catch (...) {
    abandon_parts([&](const Part& part) {
      return std::any_of(pieces.begin(), pieces.end(), [&](const GetPiece& piece) {
        const std::byte* const to = piece.target.data();
        return part.target >= to && part.target < to + piece.target.size();
      });
    });
    throw;
  }
  if (!nbi)
    require(!own.refused, Errc::refused,
            "the peer refused the get: the memory is closed on that rank");
}

void Endpoint::flush_gets(std::unique_lock<std::mutex>& lock, Wait& wait) {
  const std::uint64_t through = last_request_;
  driver_.wait(lock, wait,
               [&] { return broken_ || parts_.empty() || parts_.begin()->first > through; });
  check();
}

template <typename Which>
void Endpoint::abandon_parts(Which which) {
  std::erase_if(parts_, [&](const auto& entry) {
    if (!which(entry.second)) return false;
    --entry.second.get->left;
    return true;
  });
}

std::uint64_t Endpoint::request(Message message, Wait& wait) {
  auto lock = driver_.worker().lock();
  PendingReply pending;
  message.request = next_request();
  replies_[message.request] = &pending;
  try {
    post_message(message, nullptr, 0, /*nbi=*/false, wait, lock);
    const std::uint64_t through = sent_;
    driver_.wait(lock, wait, [&] { return broken_ || pending.done; });
    if (!pending.done) check();
    if (message.kind == Kind::flush) flushed_ = std::max(flushed_, through);
  } catch (...) {
    replies_.erase(message.request);
    throw;
  }
  replies_.erase(message.request);
  require(pending.reply.status == Reply::Status::done, Errc::refused,
          "the peer refused the operation: the memory is closed on that rank");
  return pending.reply.value;
}

void Endpoint::flush(Wait& wait) {
  std::uint64_t refused = 0;
  bool refused_gets = false;
  try {
    flush_rma(wait);
    auto lock = driver_.worker().lock();
    flush_gets(lock, wait);
    refused_gets = std::exchange(nbi_gets_.refused, false);
    if (last_to_flush_ > flushed_) {
      lock.unlock();
      Message message;
      message.kind = Kind::flush;
      refused = request(message, wait);
    }
  } catch (const std::exception& error) {
    // Abandon only nbi operations: the blocking operations belong to other threads, which wait for
    // them.
    auto lock = driver_.worker().lock();
    abandon_parts([&](const Part& part) { return part.get == &nbi_gets_; });
    if (borrowing_nbi_ != 0) release_buffers(error.what(), lock);
    throw;
  }
  require(!refused_gets, Errc::refused,
          "the peer refused some earlier gets: the memory is closed on that rank");
  require(refused == 0, Errc::refused,
          "the peer refused {} earlier puts or signals: the memory is closed on that rank",
          refused);
}

}  // namespace symmem::ucx
