// SPDX-License-Identifier: Apache-2.0
#include "cli/host_network.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>

#include "base/check.hpp"
#include "process/child_processes.hpp"
#include "process/network_namespace.hpp"

namespace symmem::cli {
namespace {

/// Returns a path with which this process and its children can open the file of `fd`.
std::string path_of(const Fd& fd) { return fmt::format("/proc/{}/fd/{}", ::getpid(), fd.get()); }

/// Creates an unnamed file that contains `text`.
Fd file_of(const std::string& text) {
  Fd file(::memfd_create("symmem-ip", MFD_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    fail_errno(errno, "write of the commands for ip");
  return file;
}

std::string bridge_commands(const std::vector<Fd>& hosts) {
  std::string commands = fmt::format(
      "link set lo up\n"
      "link add bridge type bridge\n"
      "addr add {}/24 dev bridge\n"
      "link set bridge up\n",
      HostNetwork::bridge_address());
  for (std::size_t host = 0; host < hosts.size(); ++host)
    commands += fmt::format(
        "link add host{0} type veth peer name eth0 netns {1}\n"
        "link set host{0} master bridge up\n",
        host, path_of(hosts[host]));
  return commands;
}

std::string host_commands(int host) {
  return fmt::format(
      "link set lo up\n"
      "addr add {}/24 dev eth0\n"
      "link set eth0 up\n",
      HostNetwork::address_of(host));
}

/// Batches of `ip` commands that run in parallel in network namespaces.
class IpBatches {
 public:
  void start(const Fd& name_space, const std::string& commands) {
    files_.push_back(file_of(commands));
    try {
      children_.start(
          {{"ip", "-batch", path_of(files_.back())}, process_environment(), name_space.get()});
    } catch (const Error& error) {
      require(error.code() != Errc::invalid_argument, Errc::unsupported,
              "--netns needs the command ip of package iproute2: {}", error.what());
      throw;
    }
  }

  /// Waits until all batches have completed. Throws Error(refused) if one of them fails.
  void finish() {
    constexpr auto kMaxWait = std::chrono::seconds(60);
    const JobEnd job = children_.wait_all(Deadline::in(kMaxWait, {}));
    require(
        job.cause == JobEnd::Cause::all_succeeded, Errc::refused,
        "--netns: the command ip, which sets up the simulated network, {}{} (it needs root, or "
        "CAP_SYS_ADMIN and CAP_NET_ADMIN)",
        job.cause == JobEnd::Cause::child_failed ? children_.end(job.child)->text() : "did not end",
        output_);
  }

 private:
  std::vector<Fd> files_;
  std::string output_;
  ChildProcesses children_{
      [this](int, ChildStream, std::string_view line) { output_.append(": ").append(line); }};
};

}  // namespace

HostNetwork::HostNetwork(int hosts) : bridge_(make_network_namespace()) {
  for (int host = 0; host < hosts; ++host) hosts_.push_back(make_network_namespace());
  IpBatches links, addresses;
  links.start(bridge_, bridge_commands(hosts_));
  links.finish();
  for (int host = 0; host < hosts; ++host)
    addresses.start(hosts_.at(static_cast<std::size_t>(host)), host_commands(host));
  addresses.finish();
}

std::string HostNetwork::address_of(int host) { return fmt::format("10.77.0.{}", host + 1); }

std::string HostNetwork::bridge_address() { return address_of(kMaxHosts); }

void HostNetwork::run_at_bridge(const std::function<void()>& body) const {
  run_in_network_namespace(bridge_.get(), body);
}

}  // namespace symmem::cli
