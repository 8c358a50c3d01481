// SPDX-License-Identifier: Apache-2.0
#include <fmt/ranges.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/check.hpp"
#include "base/environment.hpp"
#include "base/host.hpp"
#include "base/parse.hpp"
#include "base/unique_handle.hpp"
#include "cli/doctor_checks.hpp"
#include "cli/dynamic_library.hpp"
#include "context/builtin.hpp"

namespace symmem::cli {
namespace {

namespace fs = std::filesystem;

/// Returns the directories from which this process has loaded libraries of UCX.
std::set<std::string> ucx_directories() {
  std::set<std::string> directories;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const std::size_t slash = line.find('/');
    if (slash == std::string::npos) continue;
    const fs::path file = line.substr(slash);
    for (const char* name : {"libucp.so", "libuct.so", "libucs.so"})
      if (file.filename().native().starts_with(name)) directories.insert(file.parent_path());
  }
  return directories;
}

std::string check_one_ucx(const Options&) {
  const std::set<std::string> directories = ucx_directories();
  if (directories.empty()) return "no UCX is loaded";
  require(directories.size() == 1, Errc::refused,
          "this process has loaded libraries of more than one UCX installation, from {}",
          fmt::join(directories, " and "));
  return "all libraries from " + *directories.begin();
}

std::set<std::string> rdma_devices() {
  std::set<std::string> names;
  std::error_code none;
  for (fs::directory_iterator at("/sys/class/infiniband", none), end; !none && at != end;
       at.increment(none))
    names.insert(at->path().filename());
  return names;
}

/// Returns the names of the network devices that are up and have an address.
std::set<std::string> ip_devices() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) fail_errno(errno, "getifaddrs");
  const UniqueHandle<ifaddrs*, ::freeifaddrs> owned(list);
  std::set<std::string> names;
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    const int family = at->ifa_addr == nullptr ? AF_UNSPEC : at->ifa_addr->sa_family;
    if ((at->ifa_flags & IFF_UP) != 0 && (family == AF_INET || family == AF_INET6))
      names.insert(at->ifa_name);
  }
  return names;
}

std::string check_devices(const Options& options) {
  std::set<std::string> devices = ip_devices();
  devices.merge(rdma_devices());
  require(!devices.empty(), Errc::refused, "no network device is up and has an address");
  const Environment environment = process_environment();
  const std::string from = options.interface.empty() ? "UCX_NET_DEVICES" : "SYMMEM_INTERFACE";
  const std::string chosen =
      options.interface.empty() ? std::string(value_of(environment, from)) : options.interface;
  const std::string all = fmt::format("{}", fmt::join(devices, ", "));
  if (chosen.empty() || chosen == "all" || chosen.starts_with('^')) return all;
  // The name of an RDMA device may include a port: mlx5_0:1.
  for (const std::string& name : split(chosen, ','))
    require(devices.count(name.substr(0, name.find(':'))) != 0, Errc::invalid_argument,
            "{}={} names {}, but the devices that are up and have an address are {}", from,
            in_quotes(chosen), in_quotes(name), all);
  return fmt::format("{} of {} ({})", chosen, all, from);
}

std::string check_locked_memory(const Options&) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0) fail_errno(errno, "getrlimit");
  const std::string bytes =
      limit.rlim_cur == RLIM_INFINITY ? "unlimited" : fmt::format("{} bytes", limit.rlim_cur);
  require(limit.rlim_cur == RLIM_INFINITY || rdma_devices().empty(), Errc::exhausted,
          "RLIMIT_MEMLOCK is {}, but the RDMA device {} locks all memory that peers may access",
          bytes, *rdma_devices().begin());
  return "RLIMIT_MEMLOCK " + bytes + (rdma_devices().empty() ? " (no RDMA device needs it)" : "");
}

}  // namespace

void* open_library(const std::string& path, Errc if_absent) {
  // doctor only queries libucp, so prevent UCX from installing signal handlers and memory hooks in
  // this process.
  ::setenv("UCX_ERROR_SIGNALS", "", 0);
  ::setenv("UCX_HANDLE_ERRORS", "none", 0);
  ::setenv("UCX_LOG_LEVEL", "fatal", 0);
  ::setenv("UCX_MEM_MMAP_HOOK_MODE", "none", 0);
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library != nullptr) return library;
  const char* why = ::dlerror();
  fail(if_absent, "{}", why == nullptr ? path.c_str() : why);
}

std::string check_ucx_library(const Options& options) {
  const std::vector<std::string> built = builtin_transport_names();
  require(std::count(built.begin(), built.end(), "ucx") != 0, Errc::unsupported,
          "symmem was built without the transport ucx");
  require(host_name().size() < HOST_NAME_MAX, Errc::refused,
          "UCX does not support a host name of {} characters; shorten the name", HOST_NAME_MAX);
  const bool requested = options.ucx_library != Options().ucx_library;
  void* ucx =
      open_library(options.ucx_library, requested ? Errc::invalid_argument : Errc::unsupported);
  unsigned major = 0, minor = 0, release = 0;
  function_of<void(unsigned*, unsigned*, unsigned*)>(ucx, "ucp_get_version")(&major, &minor,
                                                                             &release);
  require(major > 1 || (major == 1 && minor >= 13), Errc::refused,
          "{} is UCX {}.{}.{}; 1.13 or newer is needed", options.ucx_library, major, minor,
          release);
  return fmt::format("UCX {}.{}.{} ({})", major, minor, release, options.ucx_library);
}

/// Returns a fix for an error code of cuInit, or an empty string if only the general fix applies.
std::string hint_for(int cuda_error) {
  switch (cuda_error) {
    case 34: return "; libcuda.so.1 is the stub of the toolkit: remove it from LD_LIBRARY_PATH";
    case 100:
      return "; make a GPU visible: CUDA_VISIBLE_DEVICES; in a container: docker run --gpus all";
    case 802: return "; start nvidia-fabricmanager";
    case 803: return "; driver and library have different versions: reboot";
    default: return "";
  }
}

std::string check_cuda(const Options&) {
  const std::vector<std::string> built = builtin_transport_names();
  require(std::count(built.begin(), built.end(), "cuda_ipc") != 0, Errc::unsupported,
          "symmem was built without CUDA");
  void* cuda = open_library("libcuda.so.1", Errc::unsupported);
  const int result = function_of<int(unsigned)>(cuda, "cuInit")(0);
  const char* why = "unknown";
  function_of<int(int, const char**)>(cuda, "cuGetErrorName")(result, &why);
  require(result == 0, Errc::refused, "cuInit failed with {} ({}){}", why, result,
          hint_for(result));
  int version = 0, devices = 0;
  function_of<int(int*)>(cuda, "cuDriverGetVersion")(&version);
  function_of<int(int*)>(cuda, "cuDeviceGetCount")(&devices);
  require(devices > 0, Errc::refused, "the driver reports no GPU{}", hint_for(100));
  // The version 13000 means 13.0.
  return fmt::format("CUDA {}.{}, devices: {}", version / 1000, version % 1000 / 10, devices);
}

std::vector<Check> library_checks() {
  return {
      {"libucp", false, check_ucx_library,
       "apt install libucx0 (UCX 1.13 or newer), or set SYMMEM_UCX_LIBRARY=/path/libucp.so.0; if "
       "symmem was built without UCX: apt install libucx-dev, and rebuild it"},
      {"one UCX", false, check_one_ucx,
       "remove one installation from LD_PRELOAD and LD_LIBRARY_PATH, or set SYMMEM_UCX_LIBRARY to "
       "the libucp that another library loads"},
      {"network devices", false, check_devices,
       "ip link set DEVICE up, or select a device that is up: SYMMEM_INTERFACE=DEVICE"},
      {"UCX transports", false, check_ucx_transports,
       "unset UCX_TLS and UCX_NET_DEVICES, or set them to values that UCX offers: "
       "UCX_TLS=tcp,self"},
      {"locked memory", false, check_locked_memory,
       "ulimit -l unlimited; if the hard limit is lower: memlock in /etc/security/limits.conf, "
       "LimitMEMLOCK= of systemd, --ulimit memlock=-1 of docker"},
      {"CUDA driver", false, check_cuda,
       "install NVIDIA's driver (libcuda.so.1); in a container: docker run --gpus all; if symmem "
       "was built without CUDA: rebuild it on a machine with nvcc"},
  };
}

}  // namespace symmem::cli
