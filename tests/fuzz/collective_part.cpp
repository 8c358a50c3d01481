// SPDX-License-Identifier: Apache-2.0
// Decodes the input as the part of the other rank in a collective call of two ranks. The call must
// return both parts or throw an Error.
#include <cstdlib>

#include "group/collective.hpp"
#include "unit/group/stub_store.hpp"

using namespace symmem;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string other(reinterpret_cast<const char*>(data), size);
  const auto store = std::make_shared<StubStore>([&](const std::string& mine) {
    return std::vector<std::string>{mine, other};
  });
  const std::chrono::hours ample(1);
  const auto group =
      std::make_shared<Group>("g", GroupInfo{0, 2, store}, Process{"h", 1, 1}, ample);
  try {
    Collective collective(*group, "call", Deadline::in(ample, ample));
    const auto values = collective.gather([] { return "mine"; });
    if (values.size() != 2 || values[0] != "mine" || values[1].size() > size) std::abort();
  } catch (const Error&) {  // The input contains the code of the Error.
  }
  return 0;
}
