// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "symmem/extend/transport.hpp"
#include "symmem/options.hpp"

namespace symmem {

/// The transports of one Context, by the device type that they carry. Calls may come from any
/// thread.
class TransportRegistry {
 public:
  TransportRegistry(const Options& options, const Log& log) : options_(options), log_(log) {}

  /// Error(invalid_argument) for a name that the device type has already.
  void add(DeviceType type, std::shared_ptr<Transport> transport);
  /// The transports for `type` that SYMMEM_TRANSPORTS allows, best first. Valid until release().
  std::vector<Transport*> transports(DeviceType type);

  void on_peer_lost(const Process& peer) noexcept;
  /// Waits until the transports have completed what they accepted. Before the groups are left.
  void drain(std::chrono::milliseconds timeout) noexcept;
  /// Stops the transports' threads. After the groups are left.
  void shutdown() noexcept;
  void release() noexcept;

 private:
  /// Logs the names that no transport has. With mutex_ held.
  void warn_of_unknown(const char* option, const std::vector<std::string>& names) const;
  std::vector<std::shared_ptr<Transport>> all() const;

  const Options& options_;
  const Log& log_;
  mutable std::mutex mutex_;  ///< Guards what follows.
  std::map<DeviceType, std::vector<std::shared_ptr<Transport>>> transports_;
  bool names_checked_ = false;  ///< Checked at the first rendezvous, when all are registered.
};

}  // namespace symmem
