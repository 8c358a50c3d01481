// SPDX-License-Identifier: Apache-2.0
#include "ucx/engine.hpp"

#include "base/check.hpp"
#include "ucx/deadline_wait.hpp"

namespace symmem::ucx {
namespace {

/// Time limit of drain().
constexpr std::chrono::seconds kDrainLimit{5};
/// Time limit for UCX to close the connections. Closing takes microseconds; the limit prevents a
/// peer that still sends from delaying shutdown().
constexpr std::chrono::milliseconds kCloseLimit{200};

}  // namespace

Engine::Engine(const Options& options, std::uint64_t process, Log& log, Gpus* gpus)
    : ucp_(Library::open(options.ucx_library)),
      log_(log),
      process_(process),
      context_(ucp_, options),
      worker_(ucp_, context_.get()),
      gpus_(gpus),
      service_(ucp_, worker_, log),
      address_(worker_.network_address()),
      driver_(worker_, service_, options.progress) {
  worker_.on_message(kReplyId, on_reply, this);
  log_.info("ucx: UCX {}, worker address of {} bytes", ucp_.version(), address_.size());
  driver_.start();  // Last: its thread uses all members.
}

Gpu* Engine::gpu(const Device& device) {
  if (device.type != DeviceType::cuda || !gpus_) return nullptr;
  driver_.guard_captures(*gpus_);
  return &gpus_->gpu(device.index);
}

bool Engine::knows_cuda() const {
  ucp_context_attr_t attributes{};
  attributes.field_mask = UCP_ATTR_FIELD_MEMORY_TYPES;
  require_ok(ucp_, ucp_.context_query(context(), &attributes), "ucp_context_query");
  return (attributes.memory_types & UCS_BIT(UCS_MEMORY_TYPE_CUDA)) != 0;
}

Endpoint& Engine::endpoint(std::uint64_t process, const std::string& address) {
  const auto lock = worker_.lock();
  if (const auto known = endpoints_.find(process); known != endpoints_.end()) return *known->second;
  auto made = std::make_unique<Endpoint>(driver_, ucp_, process_, numbered_.size(), address);
  Endpoint& endpoint = *made;
  endpoints_.emplace(process, std::move(made));
  numbered_.push_back(&endpoint);
  service_.allow(process);
  return endpoint;
}

ucs_status_t Engine::on_reply(void* self, const void* header, std::size_t header_bytes, void* data,
                              std::size_t bytes, const ucp_am_recv_param_t* parameters) {
  // ucp_worker_progress calls this function, so the worker is locked.
  auto& engine = *static_cast<Engine*>(self);
  const bool eager = (parameters->recv_attr & UCP_AM_RECV_ATTR_FLAG_RNDV) == 0;
  const auto reply = Reply::decode({static_cast<const char*>(header), header_bytes});
  const std::uint64_t number = reply ? Endpoint::number_of(reply->request) : 0;
  if (reply && eager && number < engine.numbered_.size())
    engine.numbered_[number]->on_reply(*reply, {static_cast<const char*>(data), bytes});
  engine.driver_.notify();
  return UCS_OK;
}

void Engine::abandon_peer(std::uint64_t process) noexcept {
  const auto lock = worker_.lock();
  const auto found = endpoints_.find(process);
  if (found != endpoints_.end() && !driver_.stopped()) found->second->close("the rank is lost");
}

void Engine::drain(std::chrono::milliseconds timeout) noexcept {
  if (drained_.exchange(true)) return;
  try {
    const Deadline end =
        Deadline::in(std::min<std::chrono::milliseconds>(timeout, kDrainLimit), {});
    std::vector<Endpoint*> connected;
    {
      const auto lock = worker_.lock();
      for (const auto& [process, endpoint] : endpoints_)
        if (!endpoint->broken()) connected.push_back(endpoint.get());
    }
    for (std::size_t left = connected.size(); left > 0; --left) try {
        // Divides the remaining time among the remaining peers, so that a peer that does not answer
        // does not use all of it.
        DeadlineWait wait(Deadline::in(end.remaining() / static_cast<int>(left), {}));
        connected[left - 1]->drain(wait);
      } catch (const Error& error) {
        // Other errors mean that the peer has already closed the connection.
        if (error.code() == Errc::timeout)
          log_.warn("ucx: data sent to a peer before the shutdown may not have arrived: {}",
                    error.what());
      }
  } catch (...) {  // Out of memory: nothing is flushed.
  }
}

void Engine::shutdown() noexcept {
  if (driver_.stop()) close_endpoints();
}

void Engine::close_endpoints() {
  const auto lock = worker_.lock();
  for (const auto& [process, endpoint] : endpoints_) endpoint->close("this Context has ended");
  const auto end = std::chrono::steady_clock::now() + kCloseLimit;
  while (worker_.progress() && std::chrono::steady_clock::now() < end) {
  }
}

}  // namespace symmem::ucx
