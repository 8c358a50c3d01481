// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <sstream>

#include "base/check.hpp"
#include "base/environment.hpp"
#include "base/parse.hpp"
#include "cli/doctor_checks.hpp"
#include "cli/dynamic_library.hpp"

namespace symmem::cli {
namespace {

/// The leading fields of ucp_params_t, which are equal in all versions of UCX. UCX reads another
/// field only if its bit is set in field_mask.
struct Params {
  std::uint64_t field_mask = 1;      // UCP_PARAM_FIELD_FEATURES
  std::uint64_t features = 1u << 1;  // UCP_FEATURE_RMA
  std::uint64_t unused[64] = {};
};

/// The functions of libucp that doctor calls. The member names omit the prefix "ucp_" or "ucs_".
class Ucp {
 public:
  explicit Ucp(void* library)
      : config_read(function_of<int(const char*, const char*, void**)>(library, "ucp_config_read")),
        config_modify(
            function_of<int(void*, const char*, const char*)>(library, "ucp_config_modify")),
        config_release(function_of<void(void*)>(library, "ucp_config_release")),
        init(function_of<int(unsigned, unsigned, const Params*, const void*, void**)>(
            library, "ucp_init_version")),
        print_info(function_of<void(const void*, std::FILE*)>(library, "ucp_context_print_info")),
        cleanup(function_of<void(void*)>(library, "ucp_cleanup")),
        status_string(function_of<const char*(int)>(library, "ucs_status_string")) {}

  /// Creates a UCX context with `settings`, which override the environment, and returns the text
  /// that UCX prints about the context.
  std::string info(const std::map<std::string, std::string>& settings) const {
    void* config = nullptr;
    check(config_read(nullptr, nullptr, &config), "ucp_config_read");
    int status = 0;
    for (const auto& [name, value] : settings)
      if (status == 0) status = config_modify(config, name.c_str(), value.c_str());
    const Params params;
    void* context = nullptr;
    if (status == 0) status = init(1, 13, &params, config, &context);
    config_release(config);
    check(status, "ucp_init");
    char* text = nullptr;
    std::size_t size = 0;
    std::FILE* file = ::open_memstream(&text, &size);
    if (file != nullptr) print_info(context, file), std::fclose(file);
    cleanup(context);
    const std::string copy(text == nullptr ? "" : text, size);
    std::free(text);
    return copy;
  }

 private:
  void check(int status, const char* what) const {
    require(status == 0, Errc::refused, "{} failed: {}", what, status_string(status));
  }

  int (*const config_read)(const char*, const char*, void**);
  int (*const config_modify)(void*, const char*, const char*);
  void (*const config_release)(void*);
  int (*const init)(unsigned, unsigned, const Params*, const void*, void**);
  void (*const print_info)(const void*, std::FILE*);
  void (*const cleanup)(void*);
  const char* (*const status_string)(int);
};

/// Returns whether `transport`, a transport of UCX, works only within one host.
bool is_local(const std::string& transport) {
  static const std::set<std::string> local{"self", "sysv",  "posix",   "cma",
                                           "knem", "xpmem", "gdr_copy"};
  for (const char* gpu : {"cuda", "rocm", "ze_"})
    if (transport.starts_with(gpu)) return true;
  return local.count(transport) != 0;
}

/// Returns the devices of each transport that can connect different hosts, parsed from lines such
/// as
/// "#     resource 1  :  md 1  dev 1  flags -- tcp/eth0".
std::map<std::string, std::set<std::string>> networks_in(const std::string& info) {
  std::map<std::string, std::set<std::string>> networks;
  std::istringstream lines(info);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(" resource ") == std::string::npos) continue;
    const std::string name = line.substr(line.find_last_of(" \t") + 1);
    const std::size_t slash = name.find('/');
    if (slash == std::string::npos || is_local(name.substr(0, slash))) continue;
    networks[name.substr(0, slash)].insert(name.substr(slash + 1));
  }
  return networks;
}

std::string text_of(const std::map<std::string, std::set<std::string>>& networks) {
  std::string text;
  for (const auto& [transport, devices] : networks)
    text +=
        fmt::format("{}{} on {}", text.empty() ? "" : "; ", transport, fmt::join(devices, ", "));
  return text.empty() ? "none" : text;
}

}  // namespace

std::string check_ucx_transports(const Options& options) {
  check_ucx_library(options);
  const Ucp ucp(open_library(options.ucx_library, Errc::unsupported));
  const auto all = networks_in(ucp.info({{"TLS", "all"}, {"NET_DEVICES", "all"}}));
  std::map<std::string, std::string> settings;
  if (!options.interface.empty()) settings["NET_DEVICES"] = options.interface;
  const auto left = networks_in(ucp.info(settings));
  std::string causes;
  for (const char* name : {"UCX_TLS", "UCX_NET_DEVICES", "SYMMEM_INTERFACE"})
    if (const auto value = std::getenv(name); value != nullptr)
      causes += fmt::format("{}{}={}", causes.empty() ? "" : " ", name, in_quotes(value));
  require(!left.empty(), Errc::refused,
          "UCX has no network transport left{}{}; without these settings it offers: {}",
          causes.empty() ? "" : " with ", causes, text_of(all));
  if (left == all) return text_of(left);
  return fmt::format("{} (of {}{}{})", text_of(left), text_of(all), causes.empty() ? "" : "; with ",
                     causes);
}

}  // namespace symmem::cli
