// SPDX-License-Identifier: Apache-2.0
#include "base/host.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/check.hpp"

namespace symmem {
namespace {

std::string namespace_inode(const char* path) {
  struct stat info {};
  return ::stat(path, &info) == 0 ? std::to_string(info.st_ino) : "unknown";
}

}  // namespace

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

std::string measure_host_id(bool with_network_namespace) {
  std::string boot_id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot_id;
  // Without /proc, use the host name. Two hosts may have the same name; in this case attaching
  // memory fails.
  if (boot_id.empty()) boot_id = "name:" + host_name();
  std::string id = boot_id + "/ipc:" + namespace_inode("/proc/self/ns/ipc");
  if (with_network_namespace) id += "/net:" + namespace_inode("/proc/self/ns/net");
  return id;
}

}  // namespace symmem
