// SPDX-License-Identifier: Apache-2.0
#include "context/runtime.hpp"

#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/check.hpp"
#include "base/host.hpp"
#include "base/random.hpp"
#include "context/builtin.hpp"
#include "group/collective.hpp"
#include "access/memory_impl.hpp"

namespace symmem {
namespace {

std::string pick_host_id(const Options& options) {
  return options.host_id.empty() ? measure_host_id(options.socket_dir.empty()) : options.host_id;
}

/// What a store takes: docs/wire.md. Here, rather than at a rendezvous by then.
constexpr std::size_t kMaxNameBytes = 8u << 10;
constexpr int kMaxWorldSize = 1 << 20;
/// A name of a caller's, for an error.
std::string shown(const std::string& name) {
  constexpr std::size_t kMost = 64;
  return name.size() <= kMost ? name : name.substr(0, kMost) + "...";
}

}  // namespace

Runtime::Runtime(const Options& the_options)
    : options(the_options),
      process{host_name(), ::getpid(), random_u64()},
      host_id(pick_host_id(the_options)),
      log(the_options.log),
      block_ids(std::make_shared<BlockIds>(process.id)),
      loop(std::make_shared<EventLoop>()),
      fds(std::make_unique<FdService>(*loop, the_options.socket_dir)),
      gpus(make_builtin_gpus()),
      pinned_maker(make_builtin_pinned_maker(gpus)),
      makers(make_builtin_block_makers(gpus, the_options)) {}

Runtime::~Runtime() = default;

void Runtime::check() const {
  fork.check();
  require(!finalizing.load(), Errc::finished, "the symmem Context has ended");
}

void Runtime::add_group(const std::string& name, const GroupInfo& info) {
  require(!name.empty(), Errc::invalid_argument, "a group's name cannot be empty");
  require(name.size() <= kMaxNameBytes, Errc::invalid_argument,
          "the group name \"{}\" has {} bytes; up to {} are possible", shown(name), name.size(),
          kMaxNameBytes);
  require(info.store != nullptr, Errc::invalid_argument, "group \"{}\" needs a store", name);
  require(info.world_size > 0 && info.rank >= 0 && info.rank < info.world_size,
          Errc::invalid_argument, "group \"{}\": rank {} is out of range for {} ranks", name,
          info.rank, info.world_size);
  require(info.world_size <= kMaxWorldSize, Errc::invalid_argument,
          "group \"{}\": {} ranks are more than the {} that a group can have", name,
          info.world_size, kMaxWorldSize);
  const std::lock_guard lock(mutex_);
  require(!groups_.contains(name), Errc::invalid_argument,
          "group \"{}\" exists already; end_group it first, or take another name", name);
  GroupInfo& kept = infos_.emplace_back(info);
  auto group = std::make_shared<Group>(name, info, process, options.timeout);
  groups_[name] = {&kept, std::make_shared<GroupRecord>(std::move(group))};
}

std::shared_ptr<GroupRecord> Runtime::record(const std::string& name) const {
  check();
  const std::lock_guard lock(mutex_);
  const auto found = groups_.find(name);
  require(found != groups_.end(), Errc::invalid_argument,
          "no group is named \"{}\"; name it with set_group_info first", shown(name));
  return found->second.record;
}

const GroupInfo& Runtime::group_info(const std::string& name) const {
  check();
  const std::lock_guard lock(mutex_);
  const auto found = groups_.find(name);
  require(found != groups_.end(), Errc::invalid_argument,
          "get_group_info: no group is named \"{}\"; name it with set_group_info first",
          shown(name));
  return *found->second.info;
}

void Runtime::end_group(const std::string& name, Timeout timeout) {
  const std::shared_ptr<GroupRecord> ending = record(name);
  const Deadline deadline = ending->group->deadline(timeout);
  std::exception_ptr failure;
  {
    Collective collective(*ending->group, "end_group", deadline);
    try {
      collective.run([&] {
        collective.gather([&] {
          for (const auto& memory : ending->memories())
            if (!memory->impl().closed.load()) memory->impl().flush_all(deadline);
          return std::string();
        });
        ending->group->end_collectively(deadline);
      });
    } catch (...) {  // A caller's Store may throw anything.
      failure = std::current_exception();
    }
    for (const auto& memory : ending->memories()) {
      memory->impl().detach(/*well=*/!failure);
      if (!failure) ending->remove(memory.get());
    }
    if (failure) ending->connector.detach();
  }
  ending->group->leave_locally("end_group ended this group");
  persistent.forget_group(name);
  {
    const std::lock_guard lock(mutex_);
    groups_.erase(name);
    if (failure) retired_.push_back(ending);
  }
  if (failure) std::rethrow_exception(failure);
}

void Runtime::add_transport(DeviceType type, std::shared_ptr<Transport> transport) {
  require(transport != nullptr, Errc::invalid_argument, "register_transport: no transport given");
  const std::lock_guard lock(mutex_);
  auto& known = transports_[type];
  for (const auto& other : known)
    require(other->name() != transport->name(), Errc::invalid_argument,
            "register_transport: memory of type {} has a transport named \"{}\" already",
            to_string(type), transport->name());
  known.push_back(std::move(transport));
}

std::vector<std::shared_ptr<Transport>> Runtime::transports(DeviceType type) const {
  const std::lock_guard lock(mutex_);
  if (!std::exchange(names_checked_, true)) {
    warn_of_unknown_transports("SYMMEM_TRANSPORTS", options.transports);
    warn_of_unknown_transports("SYMMEM_REQUIRE", options.require);
  }
  const auto found = transports_.find(type);
  if (found == transports_.end()) return {};
  const std::vector<std::string>& wanted = options.transports;
  const auto listed = [&](const std::string& text) {
    return std::find(wanted.begin(), wanted.end(), text) != wanted.end();
  };
  std::vector<std::shared_ptr<Transport>> kept;
  const bool list = std::any_of(wanted.begin(), wanted.end(),
                                [](const std::string& name) { return !name.starts_with("^"); });
  if (list) {
    for (const std::string& name : wanted)
      for (const auto& transport : found->second)
        if (transport->name() == name && !listed("^" + name)) kept.push_back(transport);
  } else {
    for (const auto& transport : found->second)
      if (!listed("^" + std::string(transport->name()))) kept.push_back(transport);
  }
  return kept;
}

void Runtime::warn_of_unknown_transports(const char* option,
                                         const std::vector<std::string>& names) const {
  std::set<std::string_view> known;
  for (const auto& [type, those] : transports_)
    for (const auto& transport : those) known.insert(transport->name());
  for (const std::string& name : names)
    if (!known.contains(std::string_view(name).substr(name.starts_with("^") ? 1 : 0)))
      log.warn("{}={}: no transport has the name in \"{}\"; there are: {}", option,
               fmt::join(names, ","), name, fmt::join(known, ", "));
}

std::vector<std::shared_ptr<GroupRecord>> Runtime::records() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<GroupRecord>> all = retired_;
  for (const auto& [name, named] : groups_) all.push_back(named.record);
  return all;
}

std::vector<std::shared_ptr<Transport>> Runtime::all_transports() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Transport>> all;
  for (const auto& [type, known] : transports_) all.insert(all.end(), known.begin(), known.end());
  return all;
}

void Runtime::finish_transports() noexcept {
  const auto all = all_transports();
  // What lost ranks have not answered is not waited for.
  for (const auto& record : records())
    for (const Process& peer : record->group->lost())
      for (const auto& transport : all) transport->on_peer_lost(peer);
  for (const auto& transport : all) transport->drain(options.timeout);
}

void Runtime::stop_transports() noexcept {
  for (const auto& transport : all_transports()) transport->shutdown();
}

void Runtime::leave() noexcept {
  for (const auto& record : records()) record->group->leave_locally("the Context has ended");
}

void Runtime::release() noexcept {
  for (const auto& record : records()) {
    for (const auto& memory : record->memories()) {
      memory->impl().detach(false);
      memory->impl().withdraw();
      record->remove(memory.get());
    }
    // Not under the lock below: attachments may be of a transport of the application's own.
    record->connector = Connector();
  }
  const std::lock_guard lock(mutex_);
  groups_.clear();
  retired_.clear();
  transports_.clear();
  for (GroupInfo& info : infos_) info.store.reset();
  fds.reset();
}

}  // namespace symmem
