// SPDX-License-Identifier: Apache-2.0
#include "system/local_transport.hpp"
#include "system/system.hpp"

using namespace symmem;
using namespace symmem::harness;

TEST_CASE("memory of one's own is registered by one rank alone, and used") {
  Context context(options_of(0, 1));
  std::vector<int> own(100);
  const auto memory = context.register_buffer(own.data(), own.size() * sizeof(int), {});
  CHECK(memory->buffer_size() == 400);
  CHECK(memory->buffer_ptrs()[0] == own.data());
  CHECK(memory->device() == Device{});
  const int value = 77;
  memory->put(0, 396, &value, sizeof value);
  CHECK(own[99] == 77);
  CHECK(memory->fetch_add(0, 396, 1) == 77);
  memory->put_signal(0, 0);
  memory->wait_signal(0, 0);
  memory->barrier();
  memory->close();
  CHECK(own[99] == 78);
}

namespace {

const auto kNotUcx = [](Options& options) { options.transports = {"^ucx"}; };

}  // namespace

TEST_CASE("a transport that carries memory without a descriptor serves register_buffer") {
  run_threads(
      3,
      [](Context& context) {
        context.register_transport(DeviceType::host, std::make_shared<LocalTransport>("mine"));
        std::vector<int> own(100);
        const auto memory = context.register_buffer(own.data(), 400, {});
        const Route& route = memory->route((context.rank() + 1) % 3);
        CHECK(route.transport == "mine");
        CHECK(route.refused.at(0).transport == "shm");
        CHECK(route.refused.at(0).reason.find("symmem did not allocate it") != std::string::npos);
        const int value = context.rank();
        memory->put((context.rank() + 1) % 3, 8, &value, sizeof value);
        memory->barrier();
        CHECK(own[2] == (context.rank() + 2) % 3);
        memory->close();
      },
      kNotUcx);
}

TEST_CASE("memory that is not there is refused on every rank, naming the one that gave it") {
  const auto errors = errors_of_ranks(
      2,
      [](Context& context) {
        std::vector<int> own(100);
        void* const unmapped = reinterpret_cast<void*>(std::uintptr_t{0x10000});
        context.register_buffer(context.rank() == 1 ? unmapped : own.data(), 400, {});
      },
      kNotUcx);
  check_alike(errors, Errc::invalid_argument, {"rank 1 (host", "cannot load and store", "0x10000"});
}

TEST_CASE("where no transport carries it, registering is one error on every rank, with reasons") {
  const auto errors = errors_of_ranks(
      2,
      [](Context& context) {
        std::vector<int> own(100);
        context.register_buffer(own.data(), 400, {});
      },
      kNotUcx);
  check_alike(errors, Errc::unsupported,
              {"register_buffer of group \"world\"", "1 pairs of ranks", "rank 0 (host",
               "rank 1 (host", "shm: ", "symmem did not allocate it"});
}

TEST_CASE(
    "a null pointer on one rank fails all, an unknown device too, an unknown group the caller") {
  check_alike(errors_of_ranks(2,
                              [](Context& context) {
                                alignas(8) int own = 0;
                                context.register_buffer(context.rank() == 0 ? &own : nullptr, 4,
                                                        {});
                              }),
              Errc::invalid_argument, {"rank 1 (host", "null pointer"});
  check_alike(errors_of_ranks(2,
                              [](Context& context) {
                                alignas(8) int own = 0;
                                const auto type = context.rank() == 0 ? DeviceType::host
                                                                      : static_cast<DeviceType>(9);
                                context.register_buffer(&own, 4, {type, 0});
                              }),
              Errc::unsupported, {"rank 1 (host", "device type 9"});
  Context context(options_of(0, 1));
  alignas(8) int own = 0;
  check_error([&] { context.register_buffer(&own, 4, {}, "nobody"); }, Errc::invalid_argument,
              {"\"nobody\""});
  // Atomic operations need aligned words, whatever the offset says.
  check_error([&] { context.register_buffer(reinterpret_cast<char*>(&own) + 1, 3, {}); },
              Errc::invalid_argument, {"not a multiple of 8"});
  // Bytes that would go round the end of the address space.
  check_error([&] { context.register_buffer(&own, SIZE_MAX, {}); }, Errc::invalid_argument);
}
