// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>

#include <cstdint>
#include <string>

#include "process/child_process.hpp"
#include "symmem/key_value_store.hpp"

/// The servers that bench_store measures. Each server is a process that ends when its object is
/// destroyed.
namespace symmem::bench {

/// Raises the limit of open descriptors to the hard limit and returns it.
rlim_t raise_descriptor_limit();

/// Main function of the process that OurServer starts: runs a store server at `host` and an echo
/// server until the process is killed.
int serve(const std::string& host);

struct OurServer {
  explicit OurServer(const std::string& host = "127.0.0.1");
  TcpStoreOptions options() const;

  ChildProcess process;
  std::uint16_t port = 0, echo_port = 0;
};

struct Redis {
  /// Starts redis-server. Throws Error if it is not installed.
  Redis();

  std::uint16_t port;
  ChildProcess process;
};

}  // namespace symmem::bench
