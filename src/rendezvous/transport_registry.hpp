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

/// The transports of one Context, by the device type that they support. Thread-safe.
class TransportRegistry {
 public:
  TransportRegistry(const Options& options, const Log& log) : options_(options), log_(log) {}

  /// Adds a transport. Throws Error(invalid_argument) if `type` already has a transport with the
  /// same name.
  void add(DeviceType type, std::shared_ptr<Transport> transport);
  /// Returns the transports for `type` that SYMMEM_TRANSPORTS allows, in order of preference. The
  /// pointers are valid until release().
  std::vector<Transport*> transports(DeviceType type);

  void on_peer_lost(const Process& peer) noexcept;
  /// Waits until the transports have completed all accepted operations. Called before the groups
  /// are left.
  void drain(std::chrono::milliseconds timeout) noexcept;
  /// Stops the transports' threads. Called after the groups are left.
  void shutdown() noexcept;
  void release() noexcept;

 private:
  /// Logs the names that match no transport. The caller must hold mutex_.
  void warn_of_unknown(const char* option, const std::vector<std::string>& names) const;
  std::vector<std::shared_ptr<Transport>> all() const;

  const Options& options_;
  const Log& log_;
  mutable std::mutex mutex_;  ///< Guards the members below.
  std::map<DeviceType, std::vector<std::shared_ptr<Transport>>> transports_;
  bool names_checked_ = false;  ///< Set at the first rendezvous, after all registrations.
};

}  // namespace symmem
