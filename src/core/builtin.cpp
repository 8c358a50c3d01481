// SPDX-License-Identifier: Apache-2.0
#include "core/builtin.hpp"

#include "memory/host_block.hpp"
#include "store/secret.hpp"
#include "store/tcp_store.hpp"
#include "transport_factories.inc"

namespace symmem {

std::vector<BuiltinTransport> make_builtin_transports(const TransportEnvironment& environment) {
  return {
#define SYMMEM_TRANSPORT(name) {name::kDevice, name::make_transport(environment)},
#include "transport_list.inc"
#undef SYMMEM_TRANSPORT
  };
}

std::vector<std::string> builtin_transport_names() {
  return {
#define SYMMEM_TRANSPORT(name) #name,
#include "transport_list.inc"
#undef SYMMEM_TRANSPORT
  };
}

std::vector<std::shared_ptr<BlockMaker>> make_builtin_block_makers() {
  return {make_host_block_maker()};
}

std::shared_ptr<Store> connect_store(const TcpStoreOptions& options, const Process& process,
                                     std::shared_ptr<EventLoop> loop) {
  return store::connect_tcp_store(options, process, std::move(loop));
}

std::string store_secret(const Options& options) {
  if (options.secret_file.empty()) return options.secret;
  return store::read_secret_file(options.secret_file);
}

}  // namespace symmem
