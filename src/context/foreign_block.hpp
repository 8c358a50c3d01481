// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "context/runtime.hpp"

namespace symmem {

/// Memory of the application's own.
struct ForeignMemory {
  void* pointer = nullptr;
  std::size_t bytes = 0;
  Device device;
};

/// The rendezvous of memory that symmem did not allocate: a block without descriptor, which the
/// transports take or refuse.
std::shared_ptr<SymmetricMemory> register_foreign(Runtime& runtime,
                                                  const std::shared_ptr<GroupRecord>& record,
                                                  const ForeignMemory& memory,
                                                  const Deadline& deadline);

}  // namespace symmem
