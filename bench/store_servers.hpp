// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>

#include <cstdint>
#include <string>

#include "process/child_process.hpp"
#include "symmem/key_value_store.hpp"

/// The servers that bench_store measures. Each object owns a server process.
namespace symmem::bench {

/// Raises the soft limit of descriptors to the hard limit, which it returns.
rlim_t raise_descriptor_limit();

/// Runs the server process of OurServer, a store at `host` and an echo server, until it is killed.
int serve(const std::string& host);

struct OurServer {
  explicit OurServer(const std::string& host = "127.0.0.1");
  TcpStoreOptions options() const;

  ChildProcess process;
  std::uint16_t port = 0, echo_port = 0;
};

struct Redis {
  /// Throws Error if redis-server does not start.
  Redis();

  std::uint16_t port;
  ChildProcess process;
};

}  // namespace symmem::bench
