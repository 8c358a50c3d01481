// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "base/check.hpp"
#include "process/child_processes.hpp"
#include "base/event_loop.hpp"
#include "fd_service/fd_service.hpp"
#include "cli/doctor_checks.hpp"
#include "cli/host_network.hpp"
#include "context/builtin.hpp"

namespace symmem::cli {
namespace {

constexpr std::size_t kBytes = 1 << 20;
constexpr std::chrono::seconds kLongest{10};

/// Well below the usual 1024: a rank has about twenty, one more for each block of its own, and as
/// host of the store one more for each rank.
constexpr rlim_t kFewestFiles = 256;
/// The kernel's default. A rank needs a mapping for each block of its own and of each peer.
constexpr std::int64_t kFewestMappings = 65530;

/// As an allocation makes it: sealed, mapped, written.
std::shared_ptr<Block> make_host_block() {
  for (const auto& maker : make_builtin_block_makers(nullptr, {}))
    if (maker->device_type() == DeviceType::host) return maker->make({}, kBytes, 0);
  fail(Errc::internal, "this build has no maker of host memory");
}

std::string check_memory(const Options&) {
  const auto block = make_host_block();
  std::fill_n(block->base, kBytes, std::byte{1});
  const int seals = ::fcntl(block->descriptor, F_GET_SEALS);
  require(seals >= 0 && (seals & F_SEAL_SHRINK) != 0, Errc::internal,
          "a sealed memfd has the seals {:#x}, not that against shrinking", seals);
  return fmt::format("{} bytes made, sealed, mapped and written", kBytes);
}

std::string check_descriptors(const Options& options) {
  const auto block = make_host_block();
  EventLoop loop;
  FdService service(loop, options.socket_dir);
  const auto ticket = service.offer(block->descriptor);
  const Fd got = fetch_fd(service.address(), ticket->token(), kLongest);
  struct stat sent {
  }, came{};
  require(::fstat(block->descriptor, &sent) == 0 && ::fstat(got.get(), &came) == 0 &&
              sent.st_ino == came.st_ino && sent.st_dev == came.st_dev,
          Errc::internal, "the descriptor that came by SCM_RIGHTS is another file than was sent");
  return "a memfd passed by " + (options.socket_dir.empty() ? "an abstract AF_UNIX socket"
                                                            : "a socket in " + options.socket_dir);
}

rlimit limit_of(__rlimit_resource what) {
  rlimit limit{};
  if (::getrlimit(what, &limit) != 0) fail_errno(errno, "getrlimit");
  return limit;
}

std::string text(rlim_t limit) {
  return limit == RLIM_INFINITY ? "unlimited" : std::to_string(limit);
}

std::string check_open_files(const Options&) {
  const rlimit limit = limit_of(RLIMIT_NOFILE);
  require(limit.rlim_cur >= kFewestFiles, Errc::exhausted,
          "RLIMIT_NOFILE is {} (hard limit {}); {} are needed, and one more a rank where the store "
          "is",
          text(limit.rlim_cur), text(limit.rlim_max), kFewestFiles);
  return fmt::format("RLIMIT_NOFILE {} (hard limit {})", text(limit.rlim_cur),
                     text(limit.rlim_max));
}

std::string check_mappings(const Options&) {
  std::int64_t most = 0;
  std::ifstream("/proc/sys/vm/max_map_count") >> most;
  require(most != 0, Errc::unsupported, "/proc/sys/vm/max_map_count cannot be read");
  require(most >= kFewestMappings, Errc::exhausted,
          "vm.max_map_count is {}, less than the kernel's own {}: a rank has one mapping for each "
          "block of each peer",
          most, kFewestMappings);
  return fmt::format("vm.max_map_count {}", most);
}

std::string check_simulated_hosts(const Options&) {
  try {
    const HostNetwork network(1);
    ChildProcesses children([](int, ChildStream, std::string_view) {});
    children.start({{"ip", "-V"}, process_environment(), network.namespace_of(0)});
    const auto end = children.wait(0, Deadline::in(kLongest, {}));
    require(end && !end->failed(), Errc::refused, "a program in a network namespace {}",
            end ? end->text() : "does not end");
  } catch (const Error& error) {
    // Nothing but `symmem run --netns` is without it.
    fail(Errc::unsupported, "{}", error.what());
  }
  return "network namespaces, bridge and veth pairs can be made";
}

}  // namespace

std::string check_store(const Options& options) {
  TcpStoreOptions place;
  place.secret = store_secret(options);
  place.timeout = kLongest;
  const StoreServer server(place, StoreServer::Serves::any_job);
  place.port = server.port();
  make_tcp_store(place)->set("doctor", "was here");
  return "served and reached at " + place.host;
}

std::vector<Check> host_checks() {
  return {
      {"memfd", true, check_memory,
       "let the sandbox's seccomp profile allow memfd_create; sysctl -w vm.memfd_noexec=1 if that "
       "is 2; free memory, or raise the cgroup's memory.max, if that is too little"},
      {"fd passing", true, check_descriptors,
       "let the sandbox allow AF_UNIX sockets; with SYMMEM_SOCKET_DIR: chmod 700 that folder"},
      {"store", true, check_store,
       "ip link set lo up; let the sandbox allow TCP at 127.0.0.1; with SYMMEM_SECRET_FILE: make "
       "that file readable"},
      {"open files", true, check_open_files,
       "ulimit -n 4096; if the hard limit is less: nofile in /etc/security/limits.conf, "
       "LimitNOFILE= of systemd, --ulimit nofile= of docker"},
      {"mappings", false, check_mappings, "sysctl -w vm.max_map_count=262144"},
      {"run --netns", false, check_simulated_hosts,
       "run as root, or with CAP_SYS_ADMIN and CAP_NET_ADMIN (docker: --privileged), and: apt "
       "install iproute2"},
  };
}

}  // namespace symmem::cli
