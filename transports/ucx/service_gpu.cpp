// SPDX-License-Identifier: Apache-2.0
// Execution of atomics on GPU memory, which complete asynchronously.
#include <algorithm>
#include <set>
#include <utility>

#include "base/check.hpp"
#include "ucx/service.hpp"

namespace symmem::ucx {
namespace {

/// Maximum number of atomics started on GPUs at the same time, each on a separate stream; and
/// maximum number of queued atomics and flushes.
constexpr std::size_t kMaxStarted = 8, kMaxQueued = 4096;

}  // namespace

/// Returns the block of an atomic on GPU memory, null for any other message.
const Service::Served* Service::gpu_target(const Message& message) const {
  if (message.kind != Kind::atomic) return nullptr;
  const auto found = blocks_.find(message.block);
  return found != blocks_.end() && found->second.gpu != nullptr ? &found->second : nullptr;
}

bool Service::must_queue(const Message& message) const {
  if (gpu_target(message) != nullptr) return true;
  return message.kind == Kind::flush &&
         std::any_of(in_flight_.begin(), in_flight_.end(),
                     [&](const InFlight& one) { return one.message.sender == message.sender; });
}

/// Returns false if the queue is full; the message is then refused.
bool Service::enqueue(const Message& message, ucp_ep_h reply_to) {
  if (in_flight_.size() >= kMaxQueued) return false;
  const Served* const served = gpu_target(message);
  in_flight_.push_back({message, reply_to, served == nullptr ? Served{} : *served, nullptr});
  waiting_.store(in_flight_.size(), std::memory_order_relaxed);
  return true;
}

/// Starts an atomic; leaves `pending` null if the message is refused.
void Service::start(InFlight& atomic) {
  const Message& message = atomic.message;
  if ((message.width != 4 && message.width != 8) || message.offset % message.width != 0) return;
  const Served& served = atomic.served;
  served.block->open.use(message.offset, message.width, [&] {
    atomic.pending =
        served.gpu->start_atomic(message.op, message.width, served.block->base + message.offset,
                                 message.value, message.expected);
    ++started_;
  });
}

/// Returns whether a reply is due. If `ok`, the reply contains the old value; otherwise it is a
/// refusal.
bool Service::completed(InFlight& atomic, std::uint64_t& value, bool& ok) {
  try {
    if (atomic.pending == nullptr) {
      if (started_ >= kMaxStarted) return false;
      start(atomic);
      return atomic.pending == nullptr;
    }
    if (!atomic.pending->done(value)) return false;
    ok = true;
  } catch (const Error& e) {  // The GPU failed.
    log_.warn("ucx: a peer's operation failed: {}", e.what());
  }
  if (atomic.pending) --started_;
  return true;
}

/// Sends the reply if `one` has completed; returns false while it is in flight. `blocked` contains
/// the senders that have an earlier atomic in flight.
bool Service::reply_if_completed(InFlight& one, std::set<std::uint64_t>& blocked) {
  const Message& message = one.message;
  const bool is_flush = message.kind == Kind::flush;
  Reply reply{message.request, Reply::Status::done, 0};
  bool ok = is_flush;
  if (is_flush ? blocked.count(message.sender) != 0 : !completed(one, reply.value, ok)) {
    blocked.insert(message.sender);
    return false;
  }
  if (is_flush) {
    reply.value = std::exchange(senders_[message.sender].refused, 0);
    try {
      for (Gpu* const gpu : to_sync_) gpu->sync_remote_writes();
    } catch (const Error&) {
      ok = false;
    }
  }
  if (!ok) {
    reply.status = Reply::Status::refused;
    refuse("its range is not open on this rank");
  }
  if (one.reply_to != nullptr && message.request != 0) send_reply(reply, {}, one.reply_to);
  return true;
}

bool Service::progress() {
  if (!waits_for_gpu()) return false;
  const std::lock_guard lock(mutex_);
  std::set<std::uint64_t> blocked;
  bool some = false;
  for (auto at = in_flight_.begin(); at != in_flight_.end();) {
    if (reply_if_completed(*at, blocked)) {
      at = in_flight_.erase(at);  // Erased at once, to release a stream for the next atomic.
      some = true;
    } else {
      ++at;
    }
  }
  waiting_.store(in_flight_.size(), std::memory_order_relaxed);
  return some;
}

}  // namespace symmem::ucx
