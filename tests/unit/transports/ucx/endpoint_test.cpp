// SPDX-License-Identifier: Apache-2.0
#include "ucx/endpoint.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <vector>

#include "base/log.hpp"
#include "harness/errors.hpp"
#include "harness/network.hpp"
#include "ucx/deadline_wait.hpp"
#include "ucx/engine.hpp"

using namespace symmem;
using namespace symmem::harness;
using symmem::ucx::DeadlineWait;
using symmem::ucx::Endpoint;
using symmem::ucx::Engine;

namespace {

constexpr std::size_t kLarge = 1 << 20;

DeadlineWait ample_wait() {
  return DeadlineWait(Deadline::in(std::chrono::seconds(60) * kSlow, {}));
}

/// Memory registered with `engine`, so that peers can access it with RMA.
class Exposed {
 public:
  explicit Exposed(Engine& engine) : engine_(engine) {
    ucp_mem_map_params_t params{};
    params.field_mask = UCP_MEM_MAP_PARAM_FIELD_ADDRESS | UCP_MEM_MAP_PARAM_FIELD_LENGTH;
    params.address = bytes.data();
    params.length = bytes.size();
    REQUIRE(engine_.ucp().mem_map(engine_.context(), &params, &mapped_) == UCS_OK);
  }
  ~Exposed() {
    engine_.shutdown();  // Afterwards no peer writes to `bytes`.
    engine_.ucp().mem_unmap(engine_.context(), mapped_);
  }
  Exposed(const Exposed&) = delete;
  Exposed& operator=(const Exposed&) = delete;
  std::uint64_t address() const { return reinterpret_cast<std::uintptr_t>(bytes.data()); }
  std::string packed_key() const {
    void* packed = nullptr;
    std::size_t size = 0;
    REQUIRE(engine_.ucp().rkey_pack(engine_.context(), mapped_, &packed, &size) == UCS_OK);
    std::string key(static_cast<const char*>(packed), size);
    engine_.ucp().rkey_buffer_release(packed);
    return key;
  }
  ucp_rkey_h key_at(Endpoint& endpoint) const {
    ucp_rkey_h unpacked = nullptr;
    REQUIRE(endpoint.unpack(packed_key(), unpacked) == UCS_OK);
    return unpacked;
  }

  std::vector<char> bytes = std::vector<char>(kLarge, '.');

 private:
  Engine& engine_;
  ucp_mem_h mapped_ = nullptr;
};

/// The engines of two Contexts, each with an endpoint to the other engine.
struct Two {
  Options options = Options::from_env();
  Log log{LogLevel::off};
  Engine target{options, 1, log}, engine{options, 2, log};
  Endpoint& back = target.endpoint(2, engine.address());
  Endpoint& endpoint = engine.endpoint(1, target.address());
};

}  // namespace

TEST_CASE("repeated calls of endpoint() for a process return the same endpoint") {
  if (!can_use_ucx()) return;
  Two two;
  CHECK(&two.engine.endpoint(1, two.target.address()) == &two.endpoint);
  CHECK(&two.target.endpoint(2, two.engine.address()) == &two.back);
}

TEST_CASE("RMA puts have taken effect after a flush") {
  if (!can_use_ucx()) return;
  Two two;
  Exposed exposed(two.target);
  const ucp_rkey_h key = exposed.key_at(two.endpoint);
  DeadlineWait wait = ample_wait();
  for (const bool nbi : {false, true})
    for (const std::size_t bytes : {std::size_t{8}, kLarge}) {
      CAPTURE(nbi);
      CAPTURE(bytes);
      const std::vector<char> sent(bytes, nbi ? 'x' : 'y');
      std::vector<char> got(bytes, ' ');
      two.endpoint.put(exposed.address() + kLarge - bytes, key, sent.data(), bytes, nbi, wait);
      two.endpoint.flush(wait);
      CHECK(std::vector<char>(exposed.bytes.end() - static_cast<std::ptrdiff_t>(bytes),
                              exposed.bytes.end()) == sent);
      two.endpoint.read(exposed.address() + kLarge - bytes, key, got.data(), bytes, wait);
      CHECK(got == sent);
    }
  const auto lock = two.engine.worker().lock();
  two.engine.ucp().rkey_destroy(key);
}

TEST_CASE("puts do not use RMA if TCP is the only transport") {
  if (!can_use_ucx()) return;
  ::setenv("UCX_TLS", "tcp", 1);
  {
    Two two;
    CHECK_FALSE(two.endpoint.puts_by_rma());
  }
  ::unsetenv("UCX_TLS");
}

TEST_CASE("the shutdown of an engine releases the buffers in use, and later operations fail") {
  if (!can_use_ucx()) return;
  Two two;
  Exposed exposed(two.target);
  const ucp_rkey_h key = exposed.key_at(two.endpoint);
  DeadlineWait wait = ample_wait();
  std::vector<char> own(kLarge);
  two.endpoint.put(exposed.address(), key, own.data(), own.size(), /*nbi=*/true, wait);
  two.engine.drain(std::chrono::seconds(60) * kSlow);
  two.engine.shutdown();
  own = {};
  check_error(
      [&] {
        two.endpoint.flush_rma(wait);
        two.endpoint.flush(wait);
        two.endpoint.put(exposed.address(), key, &wait, 1, false, wait);
      },
      Errc::peer_lost, {"ended"});
  const auto lock = two.engine.worker().lock();
  two.engine.ucp().rkey_destroy(key);
}
