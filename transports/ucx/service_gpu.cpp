// SPDX-License-Identifier: Apache-2.0
// Atomics on GPU memory: what holds the GPU may wait for a later message, so nobody waits for them.
#include <algorithm>
#include <set>
#include <utility>

#include "base/check.hpp"
#include "ucx/service.hpp"

namespace symmem::ucx {
namespace {

/// Atomics at a GPU at once; each has a stream of its own. And those that wait for that: more than
/// these are refused.
constexpr std::size_t kMaxStarted = 8, kMaxUnderWay = 4096;

}  // namespace

/// The block of an atomic on GPU memory; null for any other message.
const Service::Served* Service::of_gpu(const Message& message) const {
  if (message.kind != Kind::atomic) return nullptr;
  const auto found = blocks_.find(message.block);
  return found != blocks_.end() && found->second.gpu ? &found->second : nullptr;
}

bool Service::must_queue(const Message& message) const {
  if (of_gpu(message) != nullptr) return true;
  return message.kind == Kind::flush &&
         std::any_of(under_way_.begin(), under_way_.end(),
                     [&](const UnderWay& one) { return one.message.sender == message.sender; });
}

/// False if there is no room: then it is refused.
bool Service::queue(const Message& message, ucp_ep_h reply_to) {
  if (under_way_.size() >= kMaxUnderWay) return false;
  const Served* const served = of_gpu(message);
  under_way_.push_back({message, reply_to, served == nullptr ? Served{} : *served, nullptr});
  waiting_.store(under_way_.size(), std::memory_order_relaxed);
  return true;
}

void Service::start(UnderWay& atomic) {
  const Message& ask = atomic.message;
  if ((ask.width != 4 && ask.width != 8) || ask.offset % ask.width != 0) return;
  const Served& served = atomic.served;
  served.block->open.use(ask.offset, ask.width, [&] {
    atomic.pending = served.gpu->start_atomic(ask.op, ask.width, served.block->base + ask.offset,
                                              ask.value, ask.expected);
    ++started_;
  });
}

/// Whether a reply is due: the old value of an atomic, or how it ended.
bool Service::is_over(UnderWay& one, std::uint64_t& value, bool& well) {
  try {
    if (one.pending == nullptr) {
      if (started_ >= kMaxStarted) return false;
      start(one);
      return one.pending == nullptr;  // It was refused.
    }
    if (!one.pending->done(value)) return false;
    well = true;
  } catch (const Error& e) {  // Of the GPU: the asker hears of it.
    log_.warn("ucx: what a peer asked for failed: {}", e.what());
  }
  if (one.pending) --started_;
  return true;
}

bool Service::carry_on() {
  if (!waits_for_gpu()) return false;
  const std::lock_guard lock(mutex_);
  bool some = false;
  std::set<std::uint64_t> held;  // Senders with an atomic before the one looked at.
  for (auto at = under_way_.begin(); at != under_way_.end();) {
    const Message& message = at->message;
    const bool is_flush = message.kind == Kind::flush;
    Reply answer{message.request, Reply::Status::done, 0};
    bool well = is_flush;
    if (is_flush ? held.count(message.sender) != 0 : !is_over(*at, answer.value, well)) {
      held.insert(message.sender);
      ++at;
      continue;
    }
    if (is_flush) {
      answer.value = std::exchange(senders_[message.sender].refused, 0);
      try {
        for (const auto& gpu : to_sync_) gpu->sync_remote_writes();
      } catch (const Error&) {
        well = false;
      }
    }
    if (!well) {
      answer.status = Reply::Status::refused;
      refuse("what it asks for is not rendezvoused here");
    }
    if (at->reply_to != nullptr && message.request != 0) reply(answer, {}, at->reply_to);
    at = under_way_.erase(at);
    some = true;
  }
  waiting_.store(under_way_.size(), std::memory_order_relaxed);
  return some;
}

}  // namespace symmem::ucx
