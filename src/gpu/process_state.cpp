// SPDX-License-Identifier: Apache-2.0
#include "gpu/process_state.hpp"

#include "base/random.hpp"

namespace symmem::cuda {

ProcessState::ProcessState() : address_space(random_u64()) {}

ProcessState& process_state() {
  static auto* const state = new ProcessState;
  return *state;
}

}  // namespace symmem::cuda
