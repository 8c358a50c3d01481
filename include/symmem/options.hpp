// SPDX-License-Identifier: Apache-2.0
/// Options: all settings of a Context. Each field is also an environment variable, SYMMEM_<NAME>.
/// Read the environment, change fields, and pass the result to a Context:
///
///   symmem::Options options = symmem::Options::from_env();
///   options.timeout = std::chrono::minutes(2);
///   symmem::Context context(options);
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "symmem/api.hpp"

namespace SYMMEM_API symmem {

/// Minimum level of the log lines on stderr.
enum class LogLevel { debug, info, warn, error, off };
/// How the progress thread of UCX waits. adaptive: polls, then blocks; spin: polls; event: blocks.
enum class Progress { adaptive, spin, event };
/// Handle type for GPU memory. automatic: all that the driver permits; legacy: cudaIpcMemHandle_t.
enum class CudaHandle { automatic, fd, legacy, fabric };

/// The options of one Context; the Context copies them. A field that the program assigns takes
/// precedence over the environment. docs/options.md lists variables, defaults and allowed values.
struct Options {
  std::vector<std::string> transports;  ///< Names, best first; "^name" excludes. Empty: all.
  std::vector<std::string> require;     ///< A pair with any other is an error. Empty: all.
  std::optional<int> rank;
  std::optional<int> world_size;
  std::optional<int> local_rank;
  std::string store;                                              ///< tcp://host:port[/job]
  std::chrono::milliseconds timeout = std::chrono::seconds(30);   ///< Default of every Timeout.
  std::chrono::milliseconds liveness = std::chrono::seconds(10);  ///< A rank silent longer is lost.
  std::string host_id;     ///< Overrides the detected identity of this host.
  std::string interface;   ///< Network devices for UCX, such as "eth0". Empty: UCX selects.
  std::string socket_dir;  ///< Directory of the descriptor service's socket; empty: abstract name.
  int channels = 64;       ///< Number of channels per signal pad; equal on all ranks.
  std::size_t block_size = 2u << 20;  ///< Bytes in a block that small allocations share.
  CudaHandle cuda_handle = CudaHandle::automatic;
  std::string ucx_library = "libucp.so.0";
  Progress progress = Progress::adaptive;
  bool verify = true;  ///< Verify each attached block by reading back its id.
  std::string secret_file;
  std::string secret;
  bool insecure = false;  ///< Allow a non-loopback store address without a secret.
  LogLevel log = LogLevel::warn;

  /// Reads the environment. Throws Error(invalid_argument), which names the variable and the
  /// allowed values, for an invalid value. Warns on stderr about unknown SYMMEM_* variables.
  static Options from_env();
};

}  // namespace symmem
