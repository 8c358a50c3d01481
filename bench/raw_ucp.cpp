// SPDX-License-Identifier: Apache-2.0
#include "raw_ucp.hpp"

#include <fmt/format.h>

#include <atomic>
#include <cstdlib>
#include <vector>

#include "base/check.hpp"
#include "base/refusal.hpp"
#include "ucx/library.hpp"

namespace symmem::bench {

using ucx::Library;

namespace {

const Library& open(const std::string& path) {
  try {
    return Library::open(path);
  } catch (const Refusal& refusal) {
    fail(Errc::unsupported, "{}", refusal.reason);
  }
}

void set(const Library& library, ucp_config_t* config, const char* name, const char* value) {
  if (std::getenv((std::string("UCX_") + name).c_str()) == nullptr)
    library.config_modify(config, name, value);
}

void check(const Library& library, ucs_status_t status) {
  if (status != UCS_OK) fail(Errc::internal, "raw UCP: {}", library.status_string(status));
}

ucp_context_h make_context(const Library& library) {
  ucp_config_t* config = nullptr;
  check(library, library.config_read(nullptr, nullptr, &config));
  set(library, config, "TLS", "^sm,self");
  set(library, config, "RNDV_THRESH", "inf");
  ucp_params_t params{};
  params.field_mask = UCP_PARAM_FIELD_FEATURES;
  params.features = UCP_FEATURE_RMA | UCP_FEATURE_AM;
  ucp_context_h context = nullptr;
  check(library, library.init_version(UCP_API_MAJOR, UCP_API_MINOR, &params, config, &context));
  library.config_release(config);
  return context;
}

}  // namespace

class RawUcp::Ucp {
 public:
  /// Memory of the other process that is accessed with a remote key.
  struct Remote {
    std::uint64_t address = 0;
    ucp_rkey_h key = nullptr;
  };

  Ucp(const std::string& path, RawUcp& owner)
      : library(open(path)), context(make_context(library)) {
    ucp_worker_params_t worker_params{};
    worker_params.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE;
    worker_params.thread_mode = UCS_THREAD_MODE_SINGLE;
    check(library.worker_create(context, &worker_params, &worker));
    ucp_am_handler_param_t handler{};
    handler.field_mask = UCP_AM_HANDLER_PARAM_FIELD_ID | UCP_AM_HANDLER_PARAM_FIELD_CB |
                         UCP_AM_HANDLER_PARAM_FIELD_ARG;
    handler.id = kMessage;
    handler.arg = &owner;
    handler.cb = [](void* self, const void*, std::size_t, void* data, std::size_t bytes,
                    const ucp_am_recv_param_t*) {
      auto& raw = *static_cast<RawUcp*>(self);
      if (raw.arrive) raw.arrive(data, bytes);
      ++raw.ucp_->arrived;
      return UCS_OK;
    };
    check(library.worker_set_am_recv_handler(worker, &handler));
  }
  ~Ucp() {
    for (const Remote& remote : {buffer, stop})
      if (remote.key != nullptr) library.rkey_destroy(remote.key);
    if (endpoint != nullptr) {
      ucp_request_param_t force{};
      force.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS;
      force.flags = UCP_EP_CLOSE_FLAG_FORCE;
      complete(library.ep_close_nbx(endpoint, &force), nullptr);
    }
    for (const ucp_mem_h memory : mapped) library.mem_unmap(context, memory);
    library.worker_destroy(worker);
    library.cleanup(context);
  }
  void check(ucs_status_t status) const { bench::check(library, status); }
  /// Maps `local` and returns the packed key for the other process.
  std::string map(const Buffer& local) {
    ucp_mem_map_params_t params{};
    params.field_mask = UCP_MEM_MAP_PARAM_FIELD_ADDRESS | UCP_MEM_MAP_PARAM_FIELD_LENGTH |
                        UCP_MEM_MAP_PARAM_FIELD_MEMORY_TYPE;
    params.address = local.address;
    params.length = local.bytes;
    params.memory_type = local.on_gpu ? UCS_MEMORY_TYPE_CUDA : UCS_MEMORY_TYPE_HOST;
    ucp_mem_h memory = nullptr;
    check(library.mem_map(context, &params, &memory));
    mapped.push_back(memory);
    ucp_mem_attr_t found{};
    found.field_mask = UCP_MEM_ATTR_FIELD_MEM_TYPE;
    check(library.mem_query(memory, &found));
    require(found.mem_type == params.memory_type, Errc::internal,
            "raw UCP registered the memory with another memory type");
    void* packed = nullptr;
    std::size_t bytes = 0;
    check(library.rkey_pack(context, memory, &packed, &bytes));
    std::string key(static_cast<const char*>(packed), bytes);
    library.rkey_buffer_release(packed);
    return key;
  }
  /// Completes and frees `request`. Progresses until the callback has set *done; if `done` is null,
  /// progresses 1000 times.
  void complete(void* request, const bool* done) {
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
    complete(call(&parameters), &done);
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
  void connect(const std::string& address) {
    ucp_ep_params_t params{};
    params.field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS | UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE;
    params.err_mode = UCP_ERR_HANDLING_MODE_PEER;
    params.address = reinterpret_cast<const ucp_address_t*>(address.data());
    check(library.ep_create(worker, &params, &endpoint));
  }
  Remote unpack(const std::string& address, const std::string& packed) {
    Remote remote{std::stoull(address), nullptr};
    check(library.ep_rkey_unpack(endpoint, packed.data(), &remote.key));
    return remote;
  }

  static constexpr unsigned kMessage = 1;
  const Library& library;
  /// Number of messages received, and of messages waited for.
  std::uint64_t arrived = 0, taken = 0;
  const ucp_context_h context;
  ucp_worker_h worker = nullptr;
  std::vector<ucp_mem_h> mapped;
  ucp_ep_h endpoint = nullptr;
  Remote buffer, stop;
};

bool RawUcp::knows_cuda(const std::string& path) {
  const Library& library = open(path);
  const ucp_context_h context = make_context(library);
  ucp_context_attr_t attributes{};
  attributes.field_mask = UCP_ATTR_FIELD_MEMORY_TYPES;
  const ucs_status_t status = library.context_query(context, &attributes);
  library.cleanup(context);
  check(library, status);
  return (attributes.memory_types & UCS_BIT(UCS_MEMORY_TYPE_CUDA)) != 0;
}

RawUcp::RawUcp(const std::string& library, KeyValueStore& store, int rank, const Buffer& buffer)
    : store_(store), first_(rank == 0), ucp_(std::make_unique<Ucp>(library, *this)) {
  const auto publish = [&](const std::string& what, const std::string& value) {
    store.set(fmt::format("raw/{}/{}", what, rank), value);
  };
  const auto read = [&](const std::string& what) {
    return store.get(fmt::format("raw/{}/{}", what, 1 - rank));
  };
  const auto publish_buffer = [&](const std::string& what, const Buffer& local) {
    publish(what, std::to_string(reinterpret_cast<std::uintptr_t>(local.address)));
    publish(what + "_key", ucp_->map(local));
  };
  publish_buffer("buffer", buffer);
  publish_buffer("stop", {&stop_, sizeof stop_, false});
  publish("worker", ucp_->address());
  ucp_->connect(read("worker"));
  ucp_->buffer = ucp_->unpack(read("buffer"), read("buffer_key"));
  ucp_->stop = ucp_->unpack(read("stop"), read("stop_key"));
  first_ ? stop_serving() : serve();
}
RawUcp::~RawUcp() = default;

void RawUcp::put(std::size_t offset, const void* source, std::size_t bytes) {
  start_put(offset, source, bytes);
  flush();
}

void RawUcp::put_many(const void* source, std::size_t bytes, int count) {
  for (int i = 0; i < count; ++i) start_put(0, source, bytes);
  flush();
}

void RawUcp::start_put(std::size_t offset, const void* source, std::size_t bytes) {
  ucp_->run([&](const ucp_request_param_t* parameters) {
    return ucp_->library.put_nbx(ucp_->endpoint, source, bytes, ucp_->buffer.address + offset,
                                 ucp_->buffer.key, parameters);
  });
}

void RawUcp::get(std::size_t offset, void* target, std::size_t bytes) {
  ucp_->run([&](const ucp_request_param_t* parameters) {
    return ucp_->library.get_nbx(ucp_->endpoint, target, bytes, ucp_->buffer.address + offset,
                                 ucp_->buffer.key, parameters);
  });
}

void RawUcp::flush() {
  ucp_->run([&](const ucp_request_param_t* parameters) {
    return ucp_->library.ep_flush_nbx(ucp_->endpoint, parameters);
  });
}

std::string RawUcp::round_key() const { return fmt::format("raw/served/{}", served_); }

void RawUcp::stop_serving() {
  const std::uint64_t stop = 1;
  ucp_->run([&](const ucp_request_param_t* parameters) {
    return ucp_->library.put_nbx(ucp_->endpoint, &stop, sizeof stop, ucp_->stop.address,
                                 ucp_->stop.key, parameters);
  });
  flush();
  store_.set(round_key(), "");
  ++served_;
}

void RawUcp::serve() {
  const std::atomic_ref stop(stop_);
  while (stop.load() == 0) ucp_->library.worker_progress(ucp_->worker);
  stop.store(0);
  // Progresses until the flush in stop_serving() has completed on rank 0.
  const std::string key = round_key();
  while (!store_.check({key})) ucp_->progress_some();
  ++served_;
}

template <typename Send>
void RawUcp::trip_of(Send send) {
  if (first_) send();
  await_message();
  if (!first_) send();
}

void RawUcp::trip() {
  const std::uint64_t word = 0;
  trip(&word, sizeof word);
}

void RawUcp::trip(const void* source, std::size_t bytes) {
  trip_of([&] { send_message(source, bytes); });
}

void RawUcp::trip_by_put(std::size_t offset, const void* source, std::size_t bytes) {
  const std::uint64_t word = 0;
  trip_of([&] {
    put(offset, source, bytes);
    send_message(&word, sizeof word);
  });
}

void RawUcp::send_message(const void* source, std::size_t bytes) {
  ucp_->run([&](ucp_request_param_t* parameters) {
    return ucp_->library.am_send_nbx(ucp_->endpoint, Ucp::kMessage, nullptr, 0, source, bytes,
                                     parameters);
  });
}

void RawUcp::await_message() {
  while (ucp_->arrived == ucp_->taken) ucp_->library.worker_progress(ucp_->worker);
  ++ucp_->taken;
}

}  // namespace symmem::bench
