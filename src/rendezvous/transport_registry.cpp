// SPDX-License-Identifier: Apache-2.0
#include "rendezvous/transport_registry.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "base/check.hpp"

namespace symmem {

void TransportRegistry::add(DeviceType type, std::shared_ptr<Transport> transport) {
  require(transport != nullptr, Errc::invalid_argument,
          "register_transport: the transport is null");
  const std::lock_guard lock(mutex_);
  auto& known = transports_[type];
  for (const auto& other : known)
    require(other->name() != transport->name(), Errc::invalid_argument,
            "register_transport: memory of type {} has a transport named \"{}\" already",
            to_string(type), transport->name());
  known.push_back(std::move(transport));
}

std::vector<Transport*> TransportRegistry::transports(DeviceType type) {
  const std::lock_guard lock(mutex_);
  if (!std::exchange(names_checked_, true)) {
    warn_of_unknown("SYMMEM_TRANSPORTS", options_.transports);
    warn_of_unknown("SYMMEM_REQUIRE", options_.require);
  }
  const std::vector<std::string>& wanted = options_.transports;
  const auto listed = [&](const std::string& text) {
    return std::find(wanted.begin(), wanted.end(), text) != wanted.end();
  };
  const auto excluded = [&](const auto& transport) {
    return listed("^" + std::string(transport->name()));
  };
  const bool selects = std::any_of(wanted.begin(), wanted.end(),
                                   [](const std::string& name) { return !name.starts_with("^"); });
  const auto& known = transports_[type];
  std::vector<Transport*> allowed;
  if (!selects) {
    for (const auto& transport : known)
      if (!excluded(transport)) allowed.push_back(transport.get());
    return allowed;
  }
  for (const std::string& name : wanted)
    for (const auto& transport : known)
      if (transport->name() == name && !excluded(transport)) allowed.push_back(transport.get());
  return allowed;
}

void TransportRegistry::warn_of_unknown(const char* option,
                                        const std::vector<std::string>& names) const {
  std::set<std::string_view> known;
  for (const auto& [type, those] : transports_)
    for (const auto& transport : those) known.insert(transport->name());
  for (const std::string& name : names)
    if (!known.contains(std::string_view(name).substr(name.starts_with("^") ? 1 : 0)))
      log_.warn("{}={}: no transport is named \"{}\"; known transports: {}", option,
                fmt::join(names, ","), name, fmt::join(known, ", "));
}

std::vector<std::shared_ptr<Transport>> TransportRegistry::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Transport>> all;
  for (const auto& [type, known] : transports_)
    for (const auto& transport : known)
      if (std::find(all.begin(), all.end(), transport) == all.end()) all.push_back(transport);
  return all;
}

void TransportRegistry::on_peer_lost(const Process& peer) noexcept {
  for (const auto& transport : all()) transport->on_peer_lost(peer);
}

void TransportRegistry::drain(std::chrono::milliseconds timeout) noexcept {
  for (const auto& transport : all()) transport->drain(timeout);
}

void TransportRegistry::shutdown() noexcept {
  for (const auto& transport : all()) transport->shutdown();
}

void TransportRegistry::release() noexcept {
  const std::lock_guard lock(mutex_);
  transports_.clear();
}

}  // namespace symmem
