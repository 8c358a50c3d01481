// SPDX-License-Identifier: Apache-2.0
#include "ucx/worker.hpp"

#include "base/check.hpp"
#include "base/refusal.hpp"

namespace symmem::ucx {

void refuse_unless_ok(const Library& ucp, ucs_status_t status, const char* what) {
  if (status != UCS_OK) refuse("{}: {} (UCX {})", what, ucp.status_string(status), ucp.version());
}

void require_ok(const Library& ucp, ucs_status_t status, const char* what) {
  if (status != UCS_OK)
    fail(Errc::internal, "{}: {} (UCX {})", what, ucp.status_string(status), ucp.version());
}

Worker::Worker(const Library& ucp, ucp_context_h context) : ucp_(ucp) {
  ucp_worker_params_t params{};
  params.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE;
  params.thread_mode = UCS_THREAD_MODE_SERIALIZED;
  refuse_unless_ok(ucp_, ucp_.worker_create(context, &params, &worker_), "ucp_worker_create");
  const ucs_status_t status = ucp_.worker_get_efd(worker_, &event_fd_);
  if (status == UCS_OK) return;
  ucp_.worker_destroy(worker_);
  refuse_unless_ok(ucp_, status, "ucp_worker_get_efd");
}

Worker::~Worker() { ucp_.worker_destroy(worker_); }

std::string Worker::network_address() const {
  ucp_worker_attr_t attributes{};
  attributes.field_mask = UCP_WORKER_ATTR_FIELD_ADDRESS | UCP_WORKER_ATTR_FIELD_ADDRESS_FLAGS;
  attributes.address_flags = UCP_WORKER_ADDRESS_FLAG_NET_ONLY;
  refuse_unless_ok(ucp_, ucp_.worker_query(worker_, &attributes), "ucp_worker_query");
  std::string address(reinterpret_cast<const char*>(attributes.address), attributes.address_length);
  ucp_.worker_release_address(worker_, attributes.address);
  return address;
}

void Worker::on_message(unsigned id, ucp_am_recv_callback_t handler, void* argument) {
  ucp_am_handler_param_t params{};
  params.field_mask = UCP_AM_HANDLER_PARAM_FIELD_ID | UCP_AM_HANDLER_PARAM_FIELD_CB |
                      UCP_AM_HANDLER_PARAM_FIELD_ARG;
  params.id = id;
  params.cb = handler;
  params.arg = argument;
  require_ok(ucp_, ucp_.worker_set_am_recv_handler(worker_, &params),
             "ucp_worker_set_am_recv_handler");
}

}  // namespace symmem::ucx
