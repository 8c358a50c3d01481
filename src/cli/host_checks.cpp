// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "base/check.hpp"
#include "base/event_loop.hpp"
#include "blocks/host_block.hpp"
#include "cli/doctor_checks.hpp"
#include "cli/host_network.hpp"
#include "context/join.hpp"
#include "fd_service/fd_service.hpp"
#include "process/child_processes.hpp"
#include "symmem/key_value_store.hpp"

namespace symmem::cli {
namespace {

constexpr std::size_t kBytes = 1 << 20;
constexpr std::chrono::seconds kMaxWait{10};

/// Minimum number of open descriptors; well below the usual limit of 1024. A rank opens about 20
/// descriptors, one more for each block and, if the rank hosts the store, one more for each rank.
constexpr rlim_t kMinFiles = 256;
/// Minimum of vm.max_map_count: the kernel's default. A rank needs one mapping for each of its own
/// blocks and for each block of each peer.
constexpr std::int64_t kMinMappings = 65530;

/// Creates a block in the same way as an allocation: a sealed and mapped memfd.
std::shared_ptr<Block> make_host_block() { return make_host_block_maker()->make({}, kBytes, 0); }

std::string check_memory(const Options&) {
  const auto block = make_host_block();
  std::fill_n(block->base, kBytes, std::byte{1});
  const int seals = ::fcntl(block->descriptor, F_GET_SEALS);
  require(seals >= 0 && (seals & F_SEAL_SHRINK) != 0, Errc::internal,
          "a sealed memfd has the seals {:#x}, without F_SEAL_SHRINK", seals);
  return fmt::format("{} bytes made, sealed, mapped and written", kBytes);
}

std::string check_descriptors(const Options& options) {
  const auto block = make_host_block();
  EventLoop loop;
  FdService service(loop, options.socket_dir);
  const auto ticket = service.offer(block->descriptor);
  const Fd got = fetch_fd(service.address(), ticket->token(), kMaxWait);
  struct stat sent {
  }, received{};
  require(::fstat(block->descriptor, &sent) == 0 && ::fstat(got.get(), &received) == 0 &&
              sent.st_ino == received.st_ino && sent.st_dev == received.st_dev,
          Errc::internal,
          "the descriptor received through SCM_RIGHTS does not refer to the file that was sent");
  return "a memfd passed through " + (options.socket_dir.empty()
                                          ? "an abstract AF_UNIX socket"
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
  require(
      limit.rlim_cur >= kMinFiles, Errc::exhausted,
      "RLIMIT_NOFILE is {} (hard limit {}); at least {} descriptors are needed, and one more per "
      "rank in the process that hosts the store",
      text(limit.rlim_cur), text(limit.rlim_max), kMinFiles);
  return fmt::format("RLIMIT_NOFILE {} (hard limit {})", text(limit.rlim_cur),
                     text(limit.rlim_max));
}

std::string check_mappings(const Options&) {
  std::int64_t most = 0;
  std::ifstream("/proc/sys/vm/max_map_count") >> most;
  require(most != 0, Errc::unsupported, "/proc/sys/vm/max_map_count cannot be read");
  require(
      most >= kMinMappings, Errc::exhausted,
      "vm.max_map_count is {}, below the kernel's default {}: a rank needs one mapping for each "
      "block of each peer",
      most, kMinMappings);
  return fmt::format("vm.max_map_count {}", most);
}

std::string check_simulated_hosts(const Options&) {
  try {
    const HostNetwork network(1);
    ChildProcesses children([](int, ChildStream, std::string_view) {});
    children.start({{"ip", "-V"}, process_environment(), network.namespace_of(0)});
    const auto end = children.wait(0, Deadline::in(kMaxWait, {}));
    require(end && !end->failed(), Errc::refused, "a program in a network namespace {}",
            end ? end->text() : "did not end");
  } catch (const Error& error) {
    // Only `symmem run --netns` needs network namespaces, so report them as absent, not as a
    // failure.
    fail(Errc::unsupported, "{}", error.what());
  }
  return "can make network namespaces, a bridge and veth pairs";
}

}  // namespace

std::string check_store(const Options& options) {
  TcpStoreOptions place;
  place.secret = store_secret(options);
  place.timeout = kMaxWait;
  const StoreServer server(place, StoreServer::Serves::any_job);
  place.port = server.port();
  make_tcp_store(place)->set("doctor", "checked");
  return "served and reached at " + place.host;
}

std::vector<Check> host_checks() {
  return {
      {"memfd", true, check_memory,
       "allow memfd_create in the sandbox's seccomp profile; if vm.memfd_noexec is 2: sysctl -w "
       "vm.memfd_noexec=1; if memory is exhausted: free memory, or raise the cgroup's memory.max"},
      {"fd passing", true, check_descriptors,
       "allow AF_UNIX sockets in the sandbox; with SYMMEM_SOCKET_DIR: chmod 700 that directory"},
      {"store", true, check_store,
       "ip link set lo up; allow TCP on 127.0.0.1 in the sandbox; with SYMMEM_SECRET_FILE: make "
       "the file readable"},
      {"open files", true, check_open_files,
       "ulimit -n 4096; if the hard limit is lower: nofile in /etc/security/limits.conf, "
       "LimitNOFILE= of systemd, --ulimit nofile= of docker"},
      {"mappings", false, check_mappings, "sysctl -w vm.max_map_count=262144"},
      {"run --netns", false, check_simulated_hosts,
       "run as root, or with CAP_SYS_ADMIN and CAP_NET_ADMIN (docker: --privileged), and: apt "
       "install iproute2"},
  };
}

}  // namespace symmem::cli
