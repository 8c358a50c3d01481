// SPDX-License-Identifier: Apache-2.0
#include "context/builtin.hpp"

#include <algorithm>

#include "blocks/host_block.hpp"
#ifdef SYMMEM_CUDA
#include "blocks/cuda_block.hpp"
#include "gpu/cuda_gpus.hpp"
#endif
#include "transport_factories.inc"

namespace symmem {

std::vector<BuiltinTransport> make_builtin_transports(const TransportEnvironment& environment) {
  std::vector<std::shared_ptr<Transport>> made;
#define SYMMEM_TRANSPORT(name) \
  for (auto& transport : name::make_transports(environment)) made.push_back(std::move(transport));
#include "transport_list.inc"
#undef SYMMEM_TRANSPORT
  std::vector<BuiltinTransport> all;
  for (const Carrier& carrier : builtin_carriers())
    for (const auto& transport : made)
      if (transport->name() == carrier.transport) all.push_back({carrier.device, transport});
  return all;
}

std::vector<Carrier> builtin_carriers() {
  std::vector<Carrier> all;
#define SYMMEM_TRANSPORT(name) \
  for (const Carrier& carrier : name::kCarriers) all.push_back(carrier);
#include "transport_list.inc"
#undef SYMMEM_TRANSPORT
#ifndef SYMMEM_CUDA
  std::erase_if(all, [](const Carrier& carrier) { return carrier.device == DeviceType::cuda; });
#endif
  return all;
}

std::vector<std::string> builtin_transport_names() {
  std::vector<std::string> names;
  for (const Carrier& carrier : builtin_carriers())
    if (std::find(names.begin(), names.end(), carrier.transport) == names.end())
      names.emplace_back(carrier.transport);
  return names;
}

std::unique_ptr<Gpus> make_builtin_gpus() {
#ifdef SYMMEM_CUDA
  return cuda::make_gpus();
#else
  return nullptr;
#endif
}

std::vector<std::unique_ptr<BlockMaker>> make_builtin_block_makers(Gpus* gpus,
                                                                   const Options& options) {
  std::vector<std::unique_ptr<BlockMaker>> makers;
  makers.push_back(make_host_block_maker());
#ifdef SYMMEM_CUDA
  const bool fabric =
      options.cuda_handle == CudaHandle::automatic || options.cuda_handle == CudaHandle::fabric;
  makers.push_back(cuda::make_block_maker(*gpus, fabric));
#else
  static_cast<void>(gpus), static_cast<void>(options);
#endif
  return makers;
}

std::unique_ptr<BlockMaker> make_builtin_pinned_maker(Gpus* gpus) {
#ifdef SYMMEM_CUDA
  return cuda::make_pinned_block_maker(*gpus);
#else
  static_cast<void>(gpus);
  return nullptr;
#endif
}

}  // namespace symmem
