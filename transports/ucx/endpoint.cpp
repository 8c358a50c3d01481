// SPDX-License-Identifier: Apache-2.0
#include "ucx/endpoint.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "base/check.hpp"
#include "base/refusal.hpp"

namespace symmem::ucx {
namespace {

/// Maximum number of messages, and of bytes in messages, that one endpoint has in flight. Further
/// senders wait.
constexpr std::size_t kMaxInFlight = 1024, kMaxBytesInFlight = 8 << 20;

/// ucp_ep_attr_t with the fields that UCX headers after 1.13 add. Older libraries ignore these
/// fields.
struct EndpointAttributes {
  struct Transport {
    const char* name = nullptr;
    const char* device = nullptr;
  };
  static constexpr std::uint64_t kTransports = 1 << 3;

  std::uint64_t field_mask = kTransports;
  char name[UCP_ENTITY_NAME_MAX];
  sockaddr_storage local, remote;
  Transport* transports = nullptr;
  unsigned count = 0;
  std::size_t transport_bytes = sizeof(Transport);
  void* user_data = nullptr;
};
static_assert(offsetof(EndpointAttributes, transports) >=
              offsetof(ucp_ep_attr_t, remote_sockaddr) + sizeof(sockaddr_storage));

/// Returns true if UCX reports TCP as the only transport of `endpoint`.
bool only_tcp(const Library& ucp, ucp_ep_h endpoint) {
  std::array<EndpointAttributes::Transport, 16> transports{};
  EndpointAttributes attributes{};
  attributes.transports = transports.data();
  attributes.count = transports.size();
  if (ucp.ep_query(endpoint, reinterpret_cast<ucp_ep_attr_t*>(&attributes)) != UCS_OK) return false;
  const auto* end = transports.begin() + std::min<std::size_t>(attributes.count, transports.size());
  return std::all_of(transports.cbegin(), end, [](const auto& transport) {
    return transport.name != nullptr && std::string_view(transport.name) == "tcp";
  });
}

}  // namespace

Endpoint::Endpoint(ProgressDriver& driver, const Library& ucp, std::uint64_t process,
                   std::uint64_t number, const std::string& address)
    : driver_(driver), ucp_(ucp), process_(process), last_request_(number << kRequestBits) {
  ucp_ep_params_t params{};
  params.field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS | UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE |
                      UCP_EP_PARAM_FIELD_ERR_HANDLER;
  params.address = reinterpret_cast<const ucp_address_t*>(address.data());
  params.err_mode = UCP_ERR_HANDLING_MODE_PEER;
  params.err_handler.cb = on_error;
  params.err_handler.arg = this;
  const ucs_status_t status = ucp_.ep_create(driver_.worker().get(), &params, &endpoint_);
  refuse_unless(status == UCS_OK,
                "UCX {} has no network transport that reaches the peer: {} (UCX_TLS, "
                "UCX_NET_DEVICES and SYMMEM_INTERFACE restrict the transports; tcp suffices)",
                ucp_.version(), ucp_.status_string(status));
  // UCX before 1.14 does not report the transports of an endpoint; assume TCP.
  puts_by_rma_ = ucp_.at_least(14) && !only_tcp(ucp_, endpoint_);
}

// UCX calls on_error and on_complete from ucp_worker_progress.

void Endpoint::on_error(void* self, ucp_ep_h, ucs_status_t status) {
  auto& endpoint = *static_cast<Endpoint*>(self);
  if (std::exchange(endpoint.broken_, true)) return;
  endpoint.reason_ = endpoint.ucp_.status_string(status);
  endpoint.driver_.defer([&endpoint] { endpoint.close("the connection was closed"); });
  endpoint.driver_.notify();
}

void Endpoint::on_complete(void* request, ucs_status_t status, void* user_data) {
  const OperationPtr owned = std::move(static_cast<Operation*>(user_data)->self);
  Operation& operation = *owned;
  operation.status = status;
  operation.done = true;
  Endpoint& endpoint = *operation.endpoint;
  if (operation.message.sequence != 0) {
    --endpoint.in_flight_;
    endpoint.bytes_in_flight_ -= operation.payload.size();
  }
  if (operation.borrows) --endpoint.borrowing_;
  if (operation.borrows && operation.nbi) --endpoint.borrowing_nbi_;
  endpoint.ucp_.request_free(request);
  endpoint.driver_.notify();
}

void Endpoint::close(const std::string& reason) {
  if (!std::exchange(broken_, true)) reason_ = reason;
  if (endpoint_ == nullptr) return;
  ucp_request_param_t parameters{};
  parameters.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS | UCP_OP_ATTR_FIELD_CALLBACK;
  parameters.flags = UCP_EP_CLOSE_FLAG_FORCE;
  parameters.cb.send = [](void*, ucs_status_t, void*) {};
  void* const request = ucp_.ep_close_nbx(std::exchange(endpoint_, nullptr), &parameters);
  if (request != nullptr && !UCS_PTR_IS_ERR(request)) ucp_.request_free(request);
  driver_.notify();
}

void Endpoint::check() const {
  if (broken_) [[unlikely]]
    fail(Errc::peer_lost, "the UCX connection to the peer broke ({})", reason_);
}

void Endpoint::check(const OperationPtr& operation) const {
  check();
  if (operation->done && operation->status != UCS_OK) [[unlikely]]
    fail(Errc::internal, "UCX: {}", ucp_.status_string(operation->status));
}

template <typename Call>
Endpoint::OperationPtr Endpoint::post(OperationPtr operation, std::uint32_t flags, Call call) {
  operation->endpoint = this;
  ucp_request_param_t parameters{};
  parameters.op_attr_mask =
      UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FIELD_FLAGS;
  parameters.flags = flags;
  parameters.user_data = operation.get();
  parameters.cb.send = on_complete;
  void* const request = call(parameters);
  if (request != nullptr && !UCS_PTR_IS_ERR(request)) {
    operation->self = operation;
    if (operation->message.sequence != 0) {
      ++in_flight_;
      bytes_in_flight_ += operation->payload.size();
    }
    if (operation->borrows) ++borrowing_;
    if (operation->borrows && operation->nbi) ++borrowing_nbi_;
    return operation;
  }
  operation->done = true;
  operation->status = UCS_PTR_STATUS(request);
  if (operation->status != UCS_OK) close(ucp_.status_string(operation->status));
  return operation;
}

Endpoint::OperationPtr Endpoint::post_message(Message message, const void* payload,
                                              std::size_t bytes, bool nbi, Wait& wait,
                                              std::unique_lock<std::mutex>& lock) {
  const auto room = [&] {
    return in_flight_ < kMaxInFlight && bytes_in_flight_ < kMaxBytesInFlight;
  };
  if (!room()) driver_.wait(lock, wait, [&] { return broken_ || room(); });
  check();
  auto operation = std::make_shared<Operation>();
  operation->borrows = bytes > kSmallPut;
  operation->nbi = nbi;
  if (bytes != 0 && !operation->borrows) {
    const auto* from = static_cast<const std::byte*>(payload);
    operation->payload.assign(from, from + bytes);
    payload = operation->payload.data();
  }
  // Assign the sequence number only here, where nothing can throw any more: the peer waits for
  // every number.
  message.sender = process_;
  message.sequence = ++sent_;
  if (message.kind != Kind::get) last_to_flush_ = message.sequence;
  operation->message = message;
  const std::uint32_t flags = message.request != 0 ? UCP_AM_SEND_FLAG_REPLY : 0;
  post(operation, flags | UCP_AM_SEND_FLAG_EAGER, [&](const ucp_request_param_t& parameters) {
    return ucp_.am_send_nbx(endpoint_, kMessageId, &operation->message, sizeof message, payload,
                            bytes, &parameters);
  });
  check();
  // The caller may make no further call: wake the progress thread, which completes the operation.
  if (!operation->done) driver_.worker().wake();
  return operation;
}

void Endpoint::release_buffers(const std::string& reason, std::unique_lock<std::mutex>& lock) {
  close(reason);
  while (borrowing_ != 0) driver_.progress_once(lock);
}

template <typename Call>
void Endpoint::post_rma(bool nbi, Wait& wait, Call call) {
  auto lock = driver_.worker().lock();
  check();
  auto operation = std::make_shared<Operation>();
  operation->borrows = true;
  operation->nbi = nbi;
  post(operation, 0, call);
  if (nbi) {
    check(operation);
    if (!operation->done) driver_.worker().wake();
    return;
  }
  try {
    driver_.wait(lock, wait, [&] { return operation->done; });
  } catch (const std::exception& error) {
    release_buffers(error.what(), lock);
    throw;
  }
  check(operation);
}

void Endpoint::put(std::uint64_t address, ucp_rkey_h key, const void* source, std::size_t bytes,
                   bool nbi, Wait& wait) {
  post_rma(nbi, wait, [&](const ucp_request_param_t& parameters) {
    ++rma_posted_;
    return ucp_.put_nbx(endpoint_, source, bytes, address, key, &parameters);
  });
}

void Endpoint::read(std::uint64_t address, ucp_rkey_h key, void* target, std::size_t bytes,
                    Wait& wait) {
  post_rma(/*nbi=*/false, wait, [&](const ucp_request_param_t& parameters) {
    return ucp_.get_nbx(endpoint_, target, bytes, address, key, &parameters);
  });
}

void Endpoint::flush_rma(Wait& wait) {
  if (rma_flushed_.load(std::memory_order_relaxed) == rma_posted_.load(std::memory_order_relaxed))
    return;
  auto lock = driver_.worker().lock();
  check();
  flush_lanes(lock, wait);
}

void Endpoint::drain(Wait& wait) {
  flush(wait);
  auto lock = driver_.worker().lock();
  check();
  flush_lanes(lock, wait);
}

void Endpoint::flush_lanes(std::unique_lock<std::mutex>& lock, Wait& wait) {
  const std::uint64_t through = rma_posted_;
  const OperationPtr operation =
      post(std::make_shared<Operation>(), 0, [&](const ucp_request_param_t& parameters) {
        return ucp_.ep_flush_nbx(endpoint_, &parameters);
      });
  driver_.wait(lock, wait, [&] { return operation->done; });
  check(operation);
  rma_flushed_ = std::max(rma_flushed_.load(), through);
}

ucs_status_t Endpoint::unpack(const std::string& key, ucp_rkey_h& unpacked) {
  const auto lock = driver_.worker().lock();
  check();
  return ucp_.ep_rkey_unpack(endpoint_, key.data(), &unpacked);
}

}  // namespace symmem::ucx
