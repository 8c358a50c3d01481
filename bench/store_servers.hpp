// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>

#include <cstdint>
#include <string>

#include "process/child_process.hpp"
#include "symmem/key_value_store.hpp"

/// The servers that bench_store measures, each a process of its own for as long as its object
/// lives.
namespace symmem::bench {

/// Returns how many descriptors this process may have from now on.
rlim_t raise_descriptor_limit();

/// What the process of OurServer does: a store at `host` and an echo, until it is killed.
int serve(const std::string& host);

struct OurServer {
  explicit OurServer(const std::string& host = "127.0.0.1");
  TcpStoreOptions options() const;

  ChildProcess process;
  std::uint16_t port = 0, echo_port = 0;
};

struct Redis {
  /// Throws if there is none.
  Redis();

  std::uint16_t port;
  ChildProcess process;
};

}  // namespace symmem::bench
