// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "symmem/api.hpp"

namespace SYMMEM_API symmem {

/// Every knob of the library, read once by the Context. Fields set by the program win over the
/// environment (construct from from_env(), then assign). docs/options.md is generated from the
/// table that parses them.
struct Options {
  std::vector<std::string> transports;  ///< Kept, in this order; "^name" removes. Empty: all.
  std::vector<std::string> require;     ///< Every pair must use one of these. Empty: any.
  std::optional<int> rank;
  std::optional<int> world_size;
  std::optional<int> local_rank;
  std::string store;  ///< tcp://host:port[/job]
  std::chrono::milliseconds timeout = std::chrono::seconds(30);
  std::chrono::milliseconds liveness = std::chrono::seconds(10);
  std::string host_id;
  std::string interface;  ///< Network devices for UCX, "eth0"; empty: it chooses.
  std::string socket_dir;
  int channels = 64;
  std::size_t block_size = std::size_t{2} << 20;  ///< Bytes; small allocations share such a block.
  std::string cuda_handle = "auto";  ///< How GPU memory is shared: auto, fd, legacy or fabric.
  std::string ucx_library = "libucp.so.0";
  std::string progress = "adaptive";  ///< How UCX is kept going: adaptive, spin or event.
  bool verify = true;
  std::string secret_file;
  std::string secret;
  bool insecure = false;
  std::string log = "warn";

  /// Reads the environment. Throws Error(invalid_argument) naming the variable, its value and what
  /// is allowed. Warns on stderr about unknown SYMMEM_* names, with the nearest known one.
  static Options from_env();
};

}  // namespace symmem
