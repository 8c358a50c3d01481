// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "base/host.hpp"
#include "base/log.hpp"
#include "fd_service/fd_service.hpp"
#include "shm/factory.hpp"
#include "symmem/context.hpp"
#include "symmem/extend/transport.hpp"

namespace symmem::faults {

/// The transport shm with a hook before each step of a rendezvous. The hook may throw, wait or kill
/// a process.
class HookedTransport : public Transport {
 public:
  static constexpr const char* kName = "hooked";
  /// Receives the step number, 0, 1, ... With three ranks and new blocks the steps are: export the
  /// buffer and the pad; attach the first peer's buffer and pad; attach the second peer's.
  using Hook = std::function<void(int step)>;
  static constexpr int kExported = 2, kAttached = 6;

  HookedTransport(const Options& options, Hook hook)
      : hook_(std::move(hook)),
        options_(options),
        host_id_(measure_host_id(options_.socket_dir.empty())),
        fds_(loop_, options_.socket_dir),
        shm_(shm::make_transports({options_, host_id_, process_, fds_, log_}).front()) {}

  std::string_view name() const override { return kName; }
  Offer<Export> export_block(const std::shared_ptr<Block>& block) override {
    hook_(step_++);
    return shm_->export_block(block);
  }
  Offer<Attachment> attach(const PeerInfo& peer, const BlockId& block, std::string_view handle,
                           std::chrono::milliseconds timeout) override {
    hook_(step_++);
    return shm_->attach(peer, block, handle, timeout);
  }

 private:
  const Hook hook_;
  int step_ = 0;
  const Options options_;
  const std::string host_id_;
  const Process process_;
  Log log_{LogLevel::off};
  EventLoop loop_;
  FdService fds_;
  const std::shared_ptr<Transport> shm_;
};

/// A Context whose only transport is a HookedTransport.
class HookedContext {
 public:
  HookedContext(Options options, HookedTransport::Hook hook) : context_(only_hooked(options)) {
    context_.register_transport(DeviceType::host,
                                std::make_shared<HookedTransport>(options, std::move(hook)));
  }
  Context& operator*() { return context_; }
  Context* operator->() { return &context_; }

 private:
  static const Options& only_hooked(Options& options) {
    options.transports = {HookedTransport::kName};
    return options;
  }
  Context context_;
};

}  // namespace symmem::faults
