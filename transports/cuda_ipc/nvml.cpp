// SPDX-License-Identifier: Apache-2.0
#include "cuda_ipc/nvml.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

namespace symmem::cuda_ipc {
namespace {

using Device = void*;
constexpr int kSuccess = 0, kAtomics = 3, kOk = 0;  // kAtomics: NVML_P2P_CAPS_INDEX_ATOMICS.

/// The NVML functions that symmem calls. The library is opened at the first use and never closed.
struct Nvml {
  int (*init)() = nullptr;
  int (*handle)(const char*, Device*) = nullptr;
  int (*p2p)(Device, Device, int, int*) = nullptr;

  static const Nvml* get() {
    static const Nvml nvml = [] {
      Nvml found;
      void* const library = ::dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
      const auto find = [&](const char* name, auto& function) {
        if (library != nullptr)
          function =
              reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
        return function != nullptr;
      };
      if (!find("nvmlInit_v2", found.init) || !find("nvmlDeviceGetHandleByUUID", found.handle) ||
          !find("nvmlDeviceGetP2PStatus", found.p2p) || found.init() != kSuccess)
        found.p2p = nullptr;
      return found;
    }();
    return nvml.p2p == nullptr ? nullptr : &nvml;
  }
};

std::string text_of(const std::string& uuid) {
  std::string text = "GPU";
  for (std::size_t i = 0; i < uuid.size(); ++i)
    text += fmt::format("{}{:02x}", i == 0 || (i >= 4 && i <= 10 && i % 2 == 0) ? "-" : "",
                        static_cast<unsigned char>(uuid[i]));
  return text;
}

}  // namespace

std::optional<bool> native_atomics(const std::string& one, const std::string& other) {
  const Nvml* const nvml = Nvml::get();
  Device a = nullptr, b = nullptr;
  int status = -1;
  if (nvml == nullptr || nvml->handle(text_of(one).c_str(), &a) != kSuccess ||
      nvml->handle(text_of(other).c_str(), &b) != kSuccess ||
      nvml->p2p(a, b, kAtomics, &status) != kSuccess)
    return {};
  return status == kOk;
}

}  // namespace symmem::cuda_ipc
