// SPDX-License-Identifier: Apache-2.0
#include "ucx/service.hpp"

#include <cstring>

#include "base/atomic_word.hpp"
#include "base/check.hpp"
#include "base/doorbell.hpp"

namespace symmem::ucx {
namespace {

/// Maximum number of out-of-order messages held per sender. UCX delivers messages in order in
/// practice, but does not guarantee the order.
constexpr std::size_t kMaxEarly = 1024;
/// Maximum number of messages held from senders that are not allowed yet. A rank that attaches
/// before this rank sends one such message, without a payload.
constexpr std::size_t kMaxUnauthenticated = 4096;

}  // namespace

struct Service::ReplyRecord {
  const Library& ucp;
  Reply reply;
  ReplyPayload payload;
};

Service::Service(const Library& ucp, Worker& worker, Log& log) : ucp_(ucp), log_(log) {
  worker.on_message(kMessageId, on_message, this);
}

void Service::add(const std::shared_ptr<Block>& block, Gpu* gpu) {
  const std::lock_guard lock(mutex_);
  Served& served = blocks_[block->id.number];
  served.block = block;
  if (gpu != nullptr && gpu->remote_writes() == Gpu::RemoteWrites::synced) to_sync_.insert(gpu);
  served.gpu = gpu;
  ++served.count;
}

void Service::remove(const BlockId& id) {
  const std::lock_guard lock(mutex_);
  const auto found = blocks_.find(id.number);
  if (found != blocks_.end() && --found->second.count == 0) blocks_.erase(found);
}

void Service::allow(std::uint64_t sender) {
  const std::lock_guard lock(mutex_);
  senders_.try_emplace(sender);
  for (EarlyMessage& held : std::exchange(unauthenticated_, {}))
    if (held.message.sender == sender)
      accept(held.message, {}, held.reply_to);
    else
      unauthenticated_.push_back(std::move(held));
}

ucs_status_t Service::on_message(void* self, const void* header, std::size_t header_bytes,
                                 void* data, std::size_t bytes,
                                 const ucp_am_recv_param_t* parameters) {
  const bool eager = (parameters->recv_attr & UCP_AM_RECV_ATTR_FLAG_RNDV) == 0;
  const bool wants_reply = (parameters->recv_attr & UCP_AM_RECV_ATTR_FIELD_REPLY_EP) != 0;
  auto& service = *static_cast<Service*>(self);
  try {
    service.receive({static_cast<const char*>(header), header_bytes}, {data, bytes}, eager,
                    wants_reply ? parameters->reply_ep : nullptr);
  } catch (const std::exception& e) {  // Out of memory. UCX must not see an exception.
    service.log_.warn("ucx: dropped a message: {}", e.what());
  }
  return UCS_OK;
}

void Service::receive(std::string_view header, Payload payload, bool eager, ucp_ep_h reply_to) {
  const auto message = Message::decode(header);
  const std::lock_guard lock(mutex_);
  if (!message || !eager || payload.second > kMaxPayload)
    return refuse("it is not a symmem message");
  accept(*message, payload, reply_to);
}

/// Executes the message in its sender's order, then the held messages that follow it.
void Service::accept(const Message& message, Payload payload, ucp_ep_h reply_to) {
  const auto found = senders_.find(message.sender);
  if (found == senders_.end()) {
    if (payload.second != 0 || unauthenticated_.size() >= kMaxUnauthenticated)
      return refuse("its sender is unknown");
    return unauthenticated_.push_back({message, {}, reply_to});
  }
  Sender& sender = found->second;
  if (message.sequence != sender.next) {
    if (message.sequence < sender.next || sender.early.size() >= kMaxEarly)
      return refuse("its sequence number is out of order");
    const auto* bytes = static_cast<const std::byte*>(payload.first);
    sender.early.try_emplace(
        message.sequence,
        EarlyMessage{message, std::vector<std::byte>(bytes, bytes + payload.second), reply_to});
    return;
  }
  execute(sender, message, payload, reply_to);
  for (auto early = sender.early.begin();
       early != sender.early.end() && early->first == sender.next;
       early = sender.early.erase(early)) {
    const EarlyMessage& held = early->second;
    execute(sender, held.message, {held.payload.data(), held.payload.size()}, held.reply_to);
  }
}

void Service::refuse(const char* why) {
  if (refused_.fetch_add(1) == 0)
    log_.warn("ucx: refused a message: {}; further refused messages are only counted", why);
}

void Service::execute(Sender& sender, const Message& message, Payload payload, ucp_ep_h reply_to) {
  ++sender.next;
  if (must_queue(message) && enqueue(message, reply_to)) return;
  // The sender may have waited for threads of this process, and these threads may wait for this
  // thread.
  tsan_acquire();
  Reply reply{message.request, Reply::Status::done, 0};
  ReplyPayload reply_payload;
  bool ok = false;
  try {
    ok = dispatch(sender, message, payload, reply, reply_payload);
  } catch (const Error& e) {  // The GPU failed.
    log_.warn("ucx: a peer's operation failed: {}", e.what());
  }
  if (!ok) {
    if (message.request == 0) ++sender.refused;
    reply.status = Reply::Status::refused;
    reply_payload = {};
    refuse("its range is not open on this rank");
  }
  tsan_release();
  if (reply_to != nullptr && message.request != 0)
    send_reply(reply, std::move(reply_payload), reply_to);
}

/// Executes the message and fills the reply. Returns false if the message is refused.
bool Service::dispatch(Sender& sender, const Message& message, Payload payload, Reply& reply,
                       ReplyPayload& reply_payload) {
  // The sender has flushed its RMA writes; sync_remote_writes() makes them visible to kernels.
  if (message.kind == Kind::signal || message.kind == Kind::put_with_signal ||
      message.kind == Kind::flush)
    for (Gpu* const gpu : to_sync_) gpu->sync_remote_writes();
  switch (message.kind) {
    case Kind::put: return write(message, payload);
    case Kind::put_with_signal:
      return write(message, payload) && signal(message.value, message.expected, message.count_at);
    case Kind::signal: return signal(message.block, message.offset, message.count_at);
    case Kind::atomic: return atomic(message, reply.value);
    case Kind::flush: reply.value = std::exchange(sender.refused, 0); return true;
    case Kind::get: return read(message, reply_payload);
  }
  return false;
}

template <typename Use>
bool Service::use(std::uint64_t number, std::size_t offset, std::size_t bytes, Use use) {
  const auto found = blocks_.find(number);
  if (found == blocks_.end()) return false;
  const Served& served = found->second;
  return served.block->open.use(offset, bytes,
                                [&] { use(served.block->base + offset, served.gpu); });
}

/// Copies a payload to GPU memory. Stages large payloads in pinned memory; the driver copies small
/// payloads from any host memory without delay.
void Service::write_on(Gpu& gpu, std::byte* at, Payload payload) {
  constexpr std::size_t kUnstaged = 32 << 10;
  const auto stage = payload.second > kUnstaged ? gpu.stage() : nullptr;
  if (stage) std::memcpy(stage.get(), payload.first, payload.second);
  gpu.copy(at, stage ? stage.get() : payload.first, payload.second);
}

bool Service::write(const Message& message, Payload payload) {
  return use(message.block, message.offset, payload.second, [&](std::byte* at, Gpu* gpu) {
    if (payload.second == 0) return;
    if (gpu == nullptr)
      std::memcpy(at, payload.first, payload.second);
    else
      write_on(*gpu, at, payload);
  });
}

bool Service::signal(std::uint64_t number, std::uint64_t pad, std::uint32_t count_at) {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  // The pad's first word is its doorbell, not a counter.
  if (count_at < kWord || count_at % kWord != 0 || pad % kWord != 0) return false;
  const auto found = blocks_.find(number);
  // Only kernels add to counters in GPU memory.
  if (found != blocks_.end() && found->second.gpu != nullptr) return false;
  return use(number, pad, count_at + kWord, [&](std::byte* at, Gpu*) {
    add_count(*reinterpret_cast<std::uint64_t*>(at + count_at), Doorbell(at));
  });
}

bool Service::atomic(const Message& message, std::uint64_t& before) {
  if ((message.width != 4 && message.width != 8) || message.offset % message.width != 0)
    return false;
  if (gpu_target(message) != nullptr) return false;  // The queue for the GPU is full.
  return use(message.block, message.offset, message.width, [&](std::byte* at, Gpu*) {
    before = message.width == 8
                 ? apply_atomic(message.op, at, message.value, message.expected)
                 : apply_atomic(message.op, at, static_cast<std::uint32_t>(message.value),
                                static_cast<std::uint32_t>(message.expected));
  });
}

bool Service::read(const Message& message, ReplyPayload& payload) {
  static_assert(kMaxPayload <= Gpu::kStageBytes);
  return message.value <= kMaxPayload &&
         use(message.block, message.offset, message.value, [&](const std::byte* at, Gpu* gpu) {
           payload.bytes = message.value;
           if (gpu != nullptr) payload.data = gpu->stage();
           if (!payload.data)
             payload.data = std::make_shared_for_overwrite<std::byte[]>(payload.bytes);
           if (gpu != nullptr)
             gpu->copy(payload.data.get(), at, payload.bytes);
           else
             std::memcpy(payload.data.get(), at, payload.bytes);
         });
}

void Service::send_reply(const Reply& reply, ReplyPayload payload, ucp_ep_h to) {
  auto record = std::make_unique<ReplyRecord>(ReplyRecord{ucp_, reply, std::move(payload)});
  ucp_request_param_t parameters{};
  parameters.op_attr_mask =
      UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FIELD_FLAGS;
  parameters.flags = UCP_AM_SEND_FLAG_EAGER;
  parameters.user_data = record.get();
  parameters.cb.send = [](void* request, ucs_status_t, void* sent) {
    const std::unique_ptr<ReplyRecord> owned(static_cast<ReplyRecord*>(sent));
    owned->ucp.request_free(request);
  };
  void* const request =
      ucp_.am_send_nbx(to, kReplyId, &record->reply, sizeof reply, record->payload.data.get(),
                       record->payload.bytes, &parameters);
  // If there is no request, the reply was sent at once or the peer is lost.
  if (request != nullptr && !UCS_PTR_IS_ERR(request)) static_cast<void>(record.release());
}

}  // namespace symmem::ucx
