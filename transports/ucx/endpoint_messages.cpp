// SPDX-License-Identifier: Apache-2.0
// What an endpoint does by messages; endpoint.cpp has the connection itself and RMA.
#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.hpp"
#include "base/doorbell.hpp"
#include "ucx/endpoint.hpp"

namespace symmem::ucx {
namespace {

/// Parts that are asked for at once: enough to fill the way to the peer and back.
constexpr std::size_t kMaxParts = 16;

}  // namespace

void Endpoint::on_reply(const Reply& reply, std::string_view payload) {
  // Parts that nobody waits for any more are not there.
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
  const auto asked = asked_.find(reply.request);
  if (asked == asked_.end()) return;
  asked->second->reply = reply;
  asked->second->done = true;
}

void Endpoint::send(Message message, const void* payload, std::size_t bytes, bool nbi, Wait& wait) {
  auto lock = engine_.worker().lock();
  tsan_release();
  const auto* from = static_cast<const std::byte*>(payload);
  std::vector<Handle> lent;
  try {
    do {
      const std::size_t piece = std::min(bytes, kMaxPayload);
      Handle posted = post_message(message, from, piece, nbi, wait, lock);
      if (posted->lent && !posted->done) lent.push_back(std::move(posted));
      from += piece;
      message.offset += piece;
      bytes -= piece;
    } while (bytes != 0);
    if (nbi) return;
    for (const Handle& each : lent) {
      if (!each->done) engine_.wait(lock, wait, [&] { return each->done; });
      check(each);
    }
  } catch (const std::exception& error) {
    if (!std::all_of(lent.begin(), lent.end(), [](const Handle& each) { return each->done; }))
      let_go(error.what(), lock);
    throw;
  }
}

void Endpoint::ask_for(Message message, const GetPiece& piece, Get& get, Wait& wait,
                       std::unique_lock<std::mutex>& lock) {
  message.offset = piece.offset;
  for (std::size_t at = 0; at < piece.bytes; at += kMaxPayload, message.offset += kMaxPayload) {
    if (parts_.size() >= kMaxParts)
      engine_.wait(lock, wait, [&] { return broken_ || parts_.size() < kMaxParts; });
    check();
    message.request = next_request();
    message.value = std::min(piece.bytes - at, kMaxPayload);
    parts_[message.request] = {static_cast<std::byte*>(piece.local) + at, message.value, &get};
    ++get.left;
    post_message(message, nullptr, 0, /*nbi=*/false, wait, lock);
  }
}

void Endpoint::get(Message message, std::span<const GetPiece> pieces, bool nbi, Wait& wait) {
  auto lock = engine_.worker().lock();
  Get own;
  Get& get = nbi ? nbi_ : own;
  try {
    for (const GetPiece& piece : pieces) ask_for(message, piece, get, wait, lock);
    if (!nbi) engine_.wait(lock, wait, [&] { return broken_ || own.left == 0; });
    check();
  } catch (...) {
    forget([&](const Part& part) {
      return std::any_of(pieces.begin(), pieces.end(), [&](const GetPiece& piece) {
        const auto* to = static_cast<const std::byte*>(piece.local);
        return part.target >= to && part.target < to + piece.bytes;
      });
    });
    throw;
  }
  if (!nbi) require(!own.refused, Errc::refused, "it refused the get: the memory is closed there");
}

void Endpoint::flush_gets(std::unique_lock<std::mutex>& lock, Wait& wait) {
  const std::uint64_t through = last_request_;
  engine_.wait(lock, wait,
               [&] { return broken_ || parts_.empty() || parts_.begin()->first > through; });
  check();
}

template <typename Which>
void Endpoint::forget(Which which) {
  std::erase_if(parts_, [&](const auto& entry) {
    if (!which(entry.second)) return false;
    --entry.second.get->left;
    return true;
  });
}

std::uint64_t Endpoint::ask(Message message, Wait& wait) {
  auto lock = engine_.worker().lock();
  const auto answer = std::make_shared<Answer>();
  message.request = next_request();
  asked_[message.request] = answer;
  try {
    post_message(message, nullptr, 0, /*nbi=*/false, wait, lock);
    const std::uint64_t through = sent_;
    engine_.wait(lock, wait, [&] { return broken_ || answer->done; });
    if (!answer->done) check();
    if (message.kind == Kind::flush) flushed_ = std::max(flushed_, through);
  } catch (...) {
    asked_.erase(message.request);
    throw;
  }
  asked_.erase(message.request);
  require(answer->reply.status == Reply::Status::done, Errc::refused,
          "it refused the operation: the memory is closed there");
  return answer->reply.value;
}

void Endpoint::flush(Wait& wait) {
  std::uint64_t refused = 0;
  bool refused_gets = false;
  try {
    flush_rma(wait);
    auto lock = engine_.worker().lock();
    flush_gets(lock, wait);
    refused_gets = std::exchange(nbi_.refused, false);
    if (last_ > flushed_) {
      lock.unlock();
      Message message;
      message.kind = Kind::flush;
      refused = ask(message, wait);
    }
  } catch (const std::exception& error) {
    // The caller takes back what it had lent until this flush; what others lent is theirs to take.
    auto lock = engine_.worker().lock();
    forget([&](const Part& part) { return part.get == &nbi_; });
    if (lent_nbi_ != 0) let_go(error.what(), lock);
    throw;
  }
  require(!refused_gets, Errc::refused,
          "it refused some of the gets before: the memory is closed there");
  require(refused == 0, Errc::refused,
          "it refused {} of the puts and signals before: the memory is closed there", refused);
}

}  // namespace symmem::ucx
