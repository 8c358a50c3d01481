// SPDX-License-Identifier: Apache-2.0
#include "ucx/service.hpp"

#include <cstring>

#include "base/atomic_word.hpp"
#include "base/check.hpp"
#include "base/doorbell.hpp"

namespace symmem::ucx {
namespace {

/// UCX keeps order on one lane but promises none. More than this out of order is an attack.
constexpr std::size_t kMaxEarly = 1024;
/// Messages of ranks that have attached us before we them: one each, without payload.
constexpr std::size_t kMaxOfStrangers = 4096;

}  // namespace

struct Service::ReplyRecord {
  const Library& ucp;
  Reply reply;
  Brought brought;
};

Service::Service(const Library& ucp, Worker& worker, Log& log) : ucp_(ucp), log_(log) {
  worker.on_message(kMessageId, on_message, this);
}

void Service::add(const std::shared_ptr<Block>& block, std::shared_ptr<Gpu> gpu) {
  const std::lock_guard lock(mutex_);
  Served& served = blocks_[block->id.number];
  served.block = block;
  if (gpu && gpu->remote_writes() == Gpu::RemoteWrites::synced) to_sync_.insert(gpu);
  served.gpu = std::move(gpu);
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
  for (Early& kept : std::exchange(strangers_, {}))
    if (kept.message.sender == sender)
      take(kept.message, {}, kept.reply_to);
    else
      strangers_.push_back(std::move(kept));
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
  } catch (const std::exception& e) {  // Out of memory; UCX, which calls, knows no exceptions.
    service.log_.warn("ucx: a message was lost: {}", e.what());
  }
  return UCS_OK;
}

void Service::receive(std::string_view header, Payload payload, bool eager, ucp_ep_h reply_to) {
  const auto message = Message::decode(header);
  const std::lock_guard lock(mutex_);
  if (!message || !eager || payload.second > kMaxPayload)
    return refuse("it is no message of symmem's");
  take(*message, payload, reply_to);
}

/// Carries out in the sender's order.
void Service::take(const Message& message, Payload payload, ucp_ep_h reply_to) {
  const auto found = senders_.find(message.sender);
  if (found == senders_.end()) {
    if (payload.second != 0 || strangers_.size() >= kMaxOfStrangers)
      return refuse("its sender is unknown");
    return strangers_.push_back({message, {}, reply_to});
  }
  Sender& sender = found->second;
  if (message.sequence != sender.next) {
    if (message.sequence < sender.next || sender.early.size() >= kMaxEarly)
      return refuse("its number is out of order");
    const auto* bytes = static_cast<const std::byte*>(payload.first);
    sender.early.try_emplace(
        message.sequence,
        Early{message, std::vector<std::byte>(bytes, bytes + payload.second), reply_to});
    return;
  }
  carry_out(sender, message, payload, reply_to);
  for (auto early = sender.early.begin();
       early != sender.early.end() && early->first == sender.next;
       early = sender.early.erase(early)) {
    const Early& kept = early->second;
    carry_out(sender, kept.message, {kept.payload.data(), kept.payload.size()}, kept.reply_to);
  }
}

void Service::refuse(const char* why) {
  if (refused_.fetch_add(1) == 0)
    log_.warn("a message that came by UCX was refused: {}; later ones are only counted", why);
}

void Service::carry_out(Sender& sender, const Message& message, Payload payload,
                        ucp_ep_h reply_to) {
  ++sender.next;
  if (must_queue(message) && queue(message, reply_to)) return;
  // The sender may have waited for other threads here, and those will for this one: by its peers.
  tsan_acquire();
  Reply answer{message.request, Reply::Status::done, 0};
  Brought brought;
  bool well = false;
  try {
    well = execute(sender, message, payload, answer, brought);
  } catch (const Error& e) {  // Of the GPU: the asker hears of it.
    log_.warn("ucx: what a peer asked for failed: {}", e.what());
  }
  if (!well) {
    if (message.request == 0) ++sender.refused;
    answer.status = Reply::Status::refused;
    brought = {};
    refuse("what it asks for is not rendezvoused here");
  }
  tsan_release();
  if (reply_to != nullptr && message.request != 0) reply(answer, std::move(brought), reply_to);
}

bool Service::execute(Sender& sender, const Message& message, Payload payload, Reply& answer,
                      Brought& brought) {
  // The sender has flushed its puts: a network card has written them. Kernels are to see them.
  if (message.kind == Kind::signal || message.kind == Kind::put_with_signal ||
      message.kind == Kind::flush)
    for (const auto& gpu : to_sync_) gpu->sync_remote_writes();
  switch (message.kind) {
    case Kind::put: return write(message, payload);
    case Kind::put_with_signal:
      return write(message, payload) && signal(message.value, message.expected, message.count_at);
    case Kind::signal: return signal(message.block, message.offset, message.count_at);
    case Kind::atomic: return apply(message, answer.value);
    case Kind::flush: answer.value = std::exchange(sender.refused, 0); return true;
    case Kind::get: return read(message, brought);
  }
  return false;
}

template <typename Use>
bool Service::use(std::uint64_t number, std::size_t offset, std::size_t bytes, Use use) {
  const auto found = blocks_.find(number);
  if (found == blocks_.end()) return false;
  const Served& served = found->second;
  return served.block->open.use(offset, bytes,
                                [&] { use(served.block->base + offset, served.gpu.get()); });
}

/// What is small the driver takes at once, wherever it lies.
void Service::write_on(Gpu& gpu, std::byte* at, Payload payload) {
  constexpr std::size_t kTakenAtOnce = 32 << 10;
  const auto stage = payload.second > kTakenAtOnce ? gpu.stage() : nullptr;
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
  // The doorbell comes first; a count over it would wake or mislead, no more, but it is not one.
  if (count_at < kWord || count_at % kWord != 0 || pad % kWord != 0) return false;
  const auto found = blocks_.find(number);
  if (found != blocks_.end() && found->second.gpu) return false;  // Counts that kernels change.
  return use(number, pad, count_at + kWord, [&](std::byte* at, Gpu*) {
    add_count(*reinterpret_cast<std::uint64_t*>(at + count_at), Doorbell(at));
  });
}

bool Service::apply(const Message& message, std::uint64_t& before) {
  if ((message.width != 4 && message.width != 8) || message.offset % message.width != 0)
    return false;
  if (of_gpu(message) != nullptr) return false;  // There was no room for it.
  return use(message.block, message.offset, message.width, [&](std::byte* at, Gpu*) {
    before = message.width == 8
                 ? apply_atomic(message.op, at, message.value, message.expected)
                 : apply_atomic(message.op, at, static_cast<std::uint32_t>(message.value),
                                static_cast<std::uint32_t>(message.expected));
  });
}

bool Service::read(const Message& message, Brought& brought) {
  static_assert(kMaxPayload <= Gpu::kStageBytes);
  return message.value <= kMaxPayload &&
         use(message.block, message.offset, message.value, [&](const std::byte* at, Gpu* gpu) {
           brought.bytes = message.value;
           if (gpu != nullptr) brought.data = gpu->stage();
           if (!brought.data)
             brought.data = std::make_shared_for_overwrite<std::byte[]>(brought.bytes);
           if (gpu != nullptr)
             gpu->copy(brought.data.get(), at, brought.bytes);
           else
             std::memcpy(brought.data.get(), at, brought.bytes);
         });
}

void Service::reply(const Reply& reply, Brought brought, ucp_ep_h to) {
  auto record = std::make_unique<ReplyRecord>(ReplyRecord{ucp_, reply, std::move(brought)});
  ucp_request_param_t parameters{};
  parameters.op_attr_mask =
      UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FIELD_FLAGS;
  parameters.flags = UCP_AM_SEND_FLAG_EAGER;
  parameters.user_data = record.get();
  parameters.cb.send = [](void* request, ucs_status_t, void* sent) {
    const std::unique_ptr<ReplyRecord> mine(static_cast<ReplyRecord*>(sent));
    mine->ucp.request_free(request);
  };
  void* const request =
      ucp_.am_send_nbx(to, kReplyId, &record->reply, sizeof reply, record->brought.data.get(),
                       record->brought.bytes, &parameters);
  // At once, or the asker is gone: either way it is over.
  if (request != nullptr && !UCS_PTR_IS_ERR(request)) static_cast<void>(record.release());
}

}  // namespace symmem::ucx
