// SPDX-License-Identifier: Apache-2.0
#include "system/local_transport.hpp"
#include "system/system.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

const auto kNotUcx = [](Options& options) { options.transports = {"^ucx"}; };

std::span<std::byte> bytes_of(std::vector<int>& own) {
  return std::as_writable_bytes(std::span(own));
}

}  // namespace

TEST_CASE("a rank that is alone in its group makes its own memory symmetric and uses it") {
  Context context(options_of(0, 1));
  std::vector<int> own(100);
  const auto memory = context.rendezvous(bytes_of(own));
  CHECK(memory->buffer_size() == 400);
  CHECK(get_buffer_ptrs(*memory)[0] == own.data());
  CHECK(memory->device() == Device{});
  const int value = 77;
  memory->put(0, 396, std::span(&value, 1));
  CHECK(own[99] == 77);
  CHECK(memory->fetch_add(0, 396, 1) == 77);
  memory->put_signal(0, 0);
  memory->wait_signal(0, 0);
  memory->barrier();
  memory->close();
  CHECK(own[99] == 78);
}

TEST_CASE(
    "memory that symmem did not allocate is connected by a transport that needs no descriptor") {
  run_threads(
      3,
      [](Context& context) {
        context.register_transport(DeviceType::host, std::make_shared<LocalTransport>("mine"));
        std::vector<int> own(100);
        const auto memory = context.rendezvous(bytes_of(own));
        const Route& route = memory->route((context.rank() + 1) % 3);
        CHECK(route.transport == "mine");
        CHECK(route.refused.at(0).transport == "shm");
        CHECK(route.refused.at(0).reason.find("symmem did not allocate it") != std::string::npos);
        const int value = context.rank();
        memory->put((context.rank() + 1) % 3, 8, std::span(&value, 1));
        memory->barrier();
        CHECK(own[2] == (context.rank() + 2) % 3);
        memory->close();
      },
      kNotUcx);
}

TEST_CASE(
    "if the memory is not mapped on one rank, every rank gets an error that names that rank") {
  const auto errors = errors_of_ranks(
      2,
      [](Context& context) {
        std::vector<int> own(100);
        auto* const unmapped = reinterpret_cast<std::byte*>(std::uintptr_t{0x10000});
        context.rendezvous(context.rank() == 1 ? std::span(unmapped, 400) : bytes_of(own));
      },
      kNotUcx);
  check_alike(errors, Errc::invalid_argument, {"rank 1 (host", "cannot load and store", "0x10000"});
}

TEST_CASE("if no transport supports the memory, every rank gets the same error with all reasons") {
  const auto errors = errors_of_ranks(
      2,
      [](Context& context) {
        std::vector<int> own(100);
        context.rendezvous(bytes_of(own));
      },
      kNotUcx);
  check_alike(errors, Errc::unsupported,
              {"rendezvous of a span of group \"world\"", "1 pairs of ranks", "rank 0 (host",
               "rank 1 (host", "shm: ", "symmem did not allocate it"});
}

TEST_CASE(
    "a null span or unknown device on one rank fails all ranks, an unknown group only the caller") {
  check_alike(errors_of_ranks(2,
                              [](Context& context) {
                                alignas(8) std::byte own[4] = {};
                                context.rendezvous(context.rank() == 0 ? std::span(own)
                                                                       : std::span<std::byte>());
                              }),
              Errc::invalid_argument, {"rank 1 (host", "the span is null"});
  check_alike(errors_of_ranks(2,
                              [](Context& context) {
                                alignas(8) std::byte own[4] = {};
                                const auto type = context.rank() == 0 ? DeviceType::host
                                                                      : static_cast<DeviceType>(9);
                                context.rendezvous(std::span(own), {type, 0});
                              }),
              Errc::unsupported, {"rank 1 (host", "device type 9"});
  Context context(options_of(0, 1));
  alignas(8) std::byte own[4] = {};
  check_error([&] { context.rendezvous(std::span(own), {}, "nobody"); }, Errc::invalid_argument,
              {"\"nobody\""});
  // Atomic operations need aligned words.
  check_error([&] { context.rendezvous(std::span(own).subspan(1)); }, Errc::invalid_argument,
              {"not a multiple of 8"});
  check_error([&] { context.rendezvous(std::span(own + 0, SIZE_MAX)); }, Errc::invalid_argument,
              {"exceed the address space"});
}
