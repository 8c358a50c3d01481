// SPDX-License-Identifier: Apache-2.0
#include "raw_ucp.hpp"

#include <fmt/format.h>

#include <atomic>

#include "base/check.hpp"
#include "ucx/library.hpp"

namespace symmem::bench {

using ucx::Library;

class RawUcp::Ucp {
 public:
  Ucp(const std::string& path, std::vector<std::byte>& buffer) : library(Library::open(path)) {
    ucp_config_t* config = nullptr;
    check(library.config_read(nullptr, nullptr, &config));
    check(library.config_modify(config, "RNDV_THRESH", "inf"));
    ucp_params_t params{};
    params.field_mask = UCP_PARAM_FIELD_FEATURES;
    params.features = UCP_FEATURE_RMA | UCP_FEATURE_AM;
    check(library.init_version(UCP_API_MAJOR, UCP_API_MINOR, &params, config, &context));
    library.config_release(config);
    ucp_worker_params_t worker_params{};
    worker_params.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE;
    worker_params.thread_mode = UCS_THREAD_MODE_SINGLE;
    check(library.worker_create(context, &worker_params, &worker));
    ucp_mem_map_params_t map{};
    map.field_mask = UCP_MEM_MAP_PARAM_FIELD_ADDRESS | UCP_MEM_MAP_PARAM_FIELD_LENGTH;
    map.address = buffer.data();
    map.length = buffer.size();
    check(library.mem_map(context, &map, &memory));
    ucp_am_handler_param_t handler{};
    handler.field_mask = UCP_AM_HANDLER_PARAM_FIELD_ID | UCP_AM_HANDLER_PARAM_FIELD_CB |
                         UCP_AM_HANDLER_PARAM_FIELD_ARG;
    handler.id = kMessage;
    handler.arg = &arrived;
    handler.cb = [](void* count, const void*, std::size_t, void*, std::size_t,
                    const ucp_am_recv_param_t*) {
      ++*static_cast<std::uint64_t*>(count);
      return UCS_OK;
    };
    check(library.worker_set_am_recv_handler(worker, &handler));
  }
  ~Ucp() {
    if (key != nullptr) library.rkey_destroy(key);
    if (endpoint != nullptr) {
      ucp_request_param_t force{};
      force.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS;
      force.flags = UCP_EP_CLOSE_FLAG_FORCE;
      finish(library.ep_close_nbx(endpoint, &force), nullptr);
    }
    library.mem_unmap(context, memory);
    library.worker_destroy(worker);
    library.cleanup(context);
  }
  void check(ucs_status_t status) const {
    if (status != UCS_OK) fail(Errc::internal, "raw UCP: {}", library.status_string(status));
  }
  /// `done` is what the callback sets.
  void finish(void* request, const bool* done) {
    if (UCS_PTR_IS_ERR(request)) check(UCS_PTR_STATUS(request));
    if (request == nullptr) return;
    if (done == nullptr) {
      progress_some();
    } else {
      while (!*done) library.worker_progress(worker);
    }
    library.request_free(request);
  }
  void progress_some() {
    for (int i = 0; i < 1000; ++i) library.worker_progress(worker);
  }
  template <typename Call>
  void run(Call call) {
    bool done = false;
    ucp_request_param_t parameters{};
    parameters.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA;
    parameters.user_data = &done;
    parameters.cb.send = [](void*, ucs_status_t, void* flag) { *static_cast<bool*>(flag) = true; };
    finish(call(&parameters), &done);
  }
  std::string address() const {
    ucp_worker_attr_t attributes{};
    attributes.field_mask = UCP_WORKER_ATTR_FIELD_ADDRESS | UCP_WORKER_ATTR_FIELD_ADDRESS_FLAGS;
    attributes.address_flags = UCP_WORKER_ADDRESS_FLAG_NET_ONLY;
    check(library.worker_query(worker, &attributes));
    std::string bytes(reinterpret_cast<const char*>(attributes.address), attributes.address_length);
    library.worker_release_address(worker, attributes.address);
    return bytes;
  }
  std::string packed_key() const {
    void* packed = nullptr;
    std::size_t bytes = 0;
    check(library.rkey_pack(context, memory, &packed, &bytes));
    std::string text(static_cast<const char*>(packed), bytes);
    library.rkey_buffer_release(packed);
    return text;
  }
  void connect(const std::string& address, const std::string& packed) {
    ucp_ep_params_t params{};
    params.field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS | UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE;
    params.err_mode = UCP_ERR_HANDLING_MODE_PEER;
    params.address = reinterpret_cast<const ucp_address_t*>(address.data());
    check(library.ep_create(worker, &params, &endpoint));
    check(library.ep_rkey_unpack(endpoint, packed.data(), &key));
  }

  static constexpr unsigned kMessage = 1;
  const Library& library;
  std::uint64_t arrived = 0, taken = 0;  ///< Messages.
  ucp_context_h context = nullptr;
  ucp_worker_h worker = nullptr;
  ucp_mem_h memory = nullptr;
  ucp_ep_h endpoint = nullptr;
  ucp_rkey_h key = nullptr;
  std::uint64_t remote = 0;
};

// The last word of the buffer is the stop flag.
RawUcp::RawUcp(const std::string& library, Store& store, int rank, std::size_t bytes)
    : store_(store),
      first_(rank == 0),
      buffer_(bytes + sizeof(std::uint64_t)),
      ucp_(std::make_unique<Ucp>(library, buffer_)) {
  const auto tell = [&](const std::string& what, const std::string& value) {
    store.set(fmt::format("raw/{}/{}", what, rank), value);
  };
  const auto ask = [&](const std::string& what) {
    return store.get(fmt::format("raw/{}/{}", what, 1 - rank));
  };
  tell("base", std::to_string(reinterpret_cast<std::uintptr_t>(buffer_.data())));
  tell("key", ucp_->packed_key());
  tell("worker", ucp_->address());
  ucp_->remote = std::stoull(ask("base"));
  ucp_->connect(ask("worker"), ask("key"));
  first_ ? stop_serving() : serve();
}
RawUcp::~RawUcp() = default;

void RawUcp::put(std::size_t offset, const void* source, std::size_t bytes) {
  ucp_->run([&](const ucp_request_param_t* parameters) {
    return ucp_->library.put_nbx(ucp_->endpoint, source, bytes, ucp_->remote + offset, ucp_->key,
                                 parameters);
  });
  flush();
}

void RawUcp::put_many(const void* source, std::size_t bytes, int count) {
  for (int i = 0; i < count; ++i)
    ucp_->run([&](const ucp_request_param_t* parameters) {
      return ucp_->library.put_nbx(ucp_->endpoint, source, bytes, ucp_->remote, ucp_->key,
                                   parameters);
    });
  flush();
}

void RawUcp::get(std::size_t offset, void* target, std::size_t bytes) {
  ucp_->run([&](const ucp_request_param_t* parameters) {
    return ucp_->library.get_nbx(ucp_->endpoint, target, bytes, ucp_->remote + offset, ucp_->key,
                                 parameters);
  });
}

void RawUcp::flush() {
  ucp_->run([&](const ucp_request_param_t* parameters) {
    return ucp_->library.ep_flush_nbx(ucp_->endpoint, parameters);
  });
}

std::string RawUcp::name_of_round() const { return fmt::format("raw/served/{}", served_); }

void RawUcp::stop_serving() {
  const std::uint64_t stop = 1;
  put(buffer_.size() - sizeof stop, &stop, sizeof stop);
  store_.set(name_of_round(), "");
  ++served_;
}

void RawUcp::serve() {
  const std::atomic_ref stop(
      *reinterpret_cast<std::uint64_t*>(buffer_.data() + buffer_.size() - sizeof(std::uint64_t)));
  while (stop.load() == 0) ucp_->library.worker_progress(ucp_->worker);
  stop.store(0);
  // The flush behind the flag wants an answer.
  const std::string name = name_of_round();
  while (!store_.check({name})) ucp_->progress_some();
  ++served_;
}

void RawUcp::trip() {
  if (first_) send_message();
  await_message();
  if (!first_) send_message();
}

void RawUcp::send_message() {
  const std::uint64_t word = 0;
  ucp_->run([&](ucp_request_param_t* parameters) {
    return ucp_->library.am_send_nbx(ucp_->endpoint, Ucp::kMessage, nullptr, 0, &word, sizeof word,
                                     parameters);
  });
}

void RawUcp::await_message() {
  while (ucp_->arrived == ucp_->taken) ucp_->library.worker_progress(ucp_->worker);
  ++ucp_->taken;
}

}  // namespace symmem::bench
