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

/// Where this process and its children find our descriptor.
std::string path_of(const Fd& fd) { return fmt::format("/proc/{}/fd/{}", ::getpid(), fd.get()); }

/// A file without a name that holds `text`.
Fd file_of(const std::string& text) {
  Fd file(::memfd_create("symmem-ip", MFD_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    fail_errno(errno, "a file for the commands to ip");
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

/// Runs ip's commands inside namespaces, several of them at a time.
class IpBatches {
 public:
  void start(const Fd& name_space, const std::string& commands) {
    files_.push_back(file_of(commands));
    try {
      children_.start(
          {{"ip", "-batch", path_of(files_.back())}, process_environment(), name_space.get()});
    } catch (const Error& error) {
      require(error.code() != Errc::invalid_argument, Errc::unsupported,
              "--netns needs the command ip, of the package iproute2: {}", error.what());
      throw;
    }
  }

  void finish() {
    constexpr auto kLongest = std::chrono::seconds(60);
    const JobEnd job = children_.wait_all(Deadline::in(kLongest, {}));
    require(
        job.cause == JobEnd::Cause::all_succeeded, Errc::refused,
        "--netns: the command ip, which makes the network of simulated hosts, {}{} (it needs "
        "root, or CAP_SYS_ADMIN and CAP_NET_ADMIN)",
        job.cause == JobEnd::Cause::child_failed ? children_.end(job.child)->text() : "did not end",
        said_);
  }

 private:
  std::vector<Fd> files_;
  std::string said_;
  ChildProcesses children_{
      [this](int, ChildStream, std::string_view line) { said_.append(": ").append(line); }};
};

}  // namespace

HostNetwork::HostNetwork(int hosts) : bridge_(make_network_namespace()) {
  for (int host = 0; host < hosts; ++host) hosts_.push_back(make_network_namespace());
  IpBatches cables, ends;
  cables.start(bridge_, bridge_commands(hosts_));
  cables.finish();
  for (int host = 0; host < hosts; ++host)
    ends.start(hosts_.at(static_cast<std::size_t>(host)), host_commands(host));
  ends.finish();
}

std::string HostNetwork::address_of(int host) { return fmt::format("10.77.0.{}", host + 1); }

std::string HostNetwork::bridge_address() { return address_of(kMostHosts); }

void HostNetwork::run_at_bridge(const std::function<void()>& body) const {
  run_in_network_namespace(bridge_.get(), body);
}

}  // namespace symmem::cli
