// SPDX-License-Identifier: Apache-2.0
#include "store/tcp_store.hpp"

#include <unistd.h>

#include <algorithm>

#include "base/check.hpp"
#include "base/fork.hpp"
#include "base/host.hpp"
#include "base/random.hpp"
#include "store/address.hpp"
#include "store/connection.hpp"
#include "store/error_text.hpp"

namespace symmem::store {
namespace {

class TcpLink final : public Link {
 public:
  TcpLink(const TcpStoreOptions& options, const Process& process, std::shared_ptr<Poller> poller)
      : poller_(std::move(poller)) {
    Connected connected = connect(options, process, Deadline::in(options.timeout, options.timeout));
    require(!options.standalone_only || connected.welcome.standalone, Errc::refused,
            "the store at {} is hosted by rank 0 of another run {}, which has not ended yet: wait "
            "until that run ends, or use another port or job name",
            url_of(options.host, options.port), name_of(connected.welcome.server));
    fd_ = connected.socket.get();
    const std::string name = fmt::format("the store at {} {}", url_of(options.host, options.port),
                                         name_of(connected.welcome.server));
    connection_ =
        std::make_shared<Connection>(std::move(connected), *poller_, name, options.liveness);
    poller_->add(fd_, connection_);
  }
  ~TcpLink() override {
    if (fork_.forked()) {
      // A forked child must not close its parent's connection; the loop has no thread in the child.
      static_cast<void>(new auto(std::move(poller_)));
      return;
    }
    poller_->remove(fd_);
    connection_->close();
  }

  std::string call(const Request& request, const OnReply& on_reply) override {
    fork_.check();
    return connection_->call(request, on_reply);
  }
  Listeners& listeners() override { return connection_->listeners(); }

 private:
  std::shared_ptr<Poller> poller_;
  const ForkGuard fork_;
  int fd_ = -1;
  std::shared_ptr<Connection> connection_;
};

std::chrono::milliseconds tick_of(const TcpStoreOptions& options) {
  require(options.liveness.count() > 0, Errc::invalid_argument,
          "liveness is {} ms; it must be positive", options.liveness.count());
  return std::clamp(options.liveness / 4, std::chrono::milliseconds(1),
                    std::chrono::milliseconds(1000));
}

}  // namespace

std::shared_ptr<KeyValueStore> connect_tcp_store(const TcpStoreOptions& options,
                                                 const Process& process,
                                                 std::shared_ptr<Poller> poller) {
  return make_request_store(std::make_unique<TcpLink>(options, process, std::move(poller)),
                            options.timeout);
}

std::shared_ptr<KeyValueStore> connect_tcp_store(const TcpStoreOptions& options,
                                                 const Process& process,
                                                 std::shared_ptr<EventLoop> loop) {
  return connect_tcp_store(options, process,
                           std::make_shared<Poller>(std::move(loop), tick_of(options)));
}

}  // namespace symmem::store

namespace symmem {

std::shared_ptr<KeyValueStore> make_tcp_store(const TcpStoreOptions& options) {
  return store::connect_tcp_store(options, {host_name(), ::getpid(), random_u64()},
                                  std::make_shared<EventLoop>());
}

}  // namespace symmem
