// SPDX-License-Identifier: Apache-2.0
// CMakeLists.txt in this directory defines the macros.
#include "cli/commands.hpp"

namespace symmem::cli {

std::string version() { return SYMMEM_VERSION; }

std::vector<BuildFact> build_facts() {
  const std::string sanitizers = SYMMEM_SANITIZERS;
  return {{"compiler", SYMMEM_COMPILER},
          {"type", SYMMEM_BUILD_TYPE},
          {"cuda", SYMMEM_CUDA_FACT},
          {"sanitizers", sanitizers.empty() ? "none" : sanitizers}};
}

}  // namespace symmem::cli
