// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "allocation/allocation.hpp"
#include "context/runtime.hpp"

namespace symmem {

/// The collective that makes one allocation of every rank reachable for all. `find` gives this
/// rank's allocation; its Error, as any other of any rank, becomes every rank's.
std::shared_ptr<SymmetricMemory> meet(Runtime& runtime, const std::shared_ptr<GroupRecord>& record,
                                      const std::string& operation,
                                      const std::shared_ptr<BlockMaker>& maker,
                                      const std::function<std::shared_ptr<Allocation>()>& find,
                                      const Deadline& deadline);

}  // namespace symmem
