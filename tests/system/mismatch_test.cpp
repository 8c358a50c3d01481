// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <future>

#include "system/local_transport.hpp"
#include "system/system.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

/// Checks that a rendezvous works after an earlier one failed.
void check_still_works(Context& context) {
  const auto buffer = allocate(context, 64);
  const auto memory = context.rendezvous(buffer);
  check_ring(*memory);
  memory->close();
}

/// Runs ranks as threads whose rendezvous fails, and checks that nothing leaks.
void fail_in_threads(
    int count, const std::function<void(Context&)>& body,
    const std::function<void(Options&)>& adjust = [](Options&) {}) {
  leaving_nothing([&] { run_threads(count, body, adjust); });
}

/// Checks that `body` fails with equal errors on all ranks, and that a rendezvous works after it.
void check_refused(int count, const std::function<void(Context&)>& body,
                   const std::vector<std::string>& parts, Errc code = Errc::invalid_argument) {
  std::vector<std::optional<Error>> errors(static_cast<std::size_t>(count));
  fail_in_threads(count, [&](Context& context) {
    errors[static_cast<std::size_t>(context.rank())] = error_of([&] { body(context); });
    check_still_works(context);
  });
  check_alike(errors, code, parts);
}

}  // namespace

TEST_CASE("if sizes differ, every rank gets the same error with ranks and values") {
  check_refused(4,
                [](Context& context) {
                  context.rendezvous(allocate(context, context.rank() == 2 ? 4096 : 100));
                },
                {"rendezvous of group \"world\"", "sizes in bytes differ", "100 on rank 0 (host",
                 "rank 1 (host", "rank 3 (host", "4096 on rank 2 (host", "pid"});
}

TEST_CASE(
    "if one rank passes memory that is not symmetric, every rank gets an error that names it") {
  check_refused(3,
                [](Context& context) {
                  int word = 0;
                  const Tensor foreign(&word, {1}, {1}, kInt32, {}, nullptr);
                  rendezvous(context, context.rank() == 1 ? foreign : bytes_tensor(context, 4),
                             kWorld);
                },
                {"failed on all 3 ranks", "rank 1 (host", "is not symmetric memory of type host"});
}

TEST_CASE(
    "if ranks make different collective calls, every rank gets an error with calls and ranks") {
  fail_in_threads(3, [](Context& context) {
    alignas(8) std::byte own[8] = {};
    const auto call = [&] {
      if (context.rank() == 0)
        context.rendezvous(std::span(own));
      else
        context.rendezvous(allocate(context, 4));
    };
    check_error(call, Errc::invalid_argument,
                {"different collective calls", "rendezvous of a span by rank 0",
                 "rendezvous by rank 1", "rank 2", "same order"});
    check_still_works(context);
  });
}

TEST_CASE("if options that must be equal on all ranks differ, the error names these options") {
  const auto errors_with = [](const std::function<void(Options&)>& of_rank_1) {
    return errors_of_ranks(
        2, [](Context& context) { context.rendezvous(allocate(context, 4)); },
        [&](Options& options) {
          if (options.rank == 1) of_rank_1(options);
        });
  };
  check_alike(errors_with([](Options& options) { options.channels = 8; }), Errc::invalid_argument,
              {"SYMMEM_CHANNELS", "64 on rank 0", "8 on rank 1"});
  check_alike(errors_with([](Options& options) { options.require = {"shm"}; }),
              Errc::invalid_argument, {"SYMMEM_REQUIRE", "\"shm\" on rank 1"});
  check_alike(errors_with([](Options& options) {
                options.transports = {"^shm", "^ucx"};
              }),
              Errc::invalid_argument, {"SYMMEM_TRANSPORTS", "shm", "\"\" on rank 1"});
}

TEST_CASE("if only one rank registers a transport, every rank gets an error") {
  check_alike(errors_of_ranks(2,
                              [](Context& context) {
                                if (context.rank() == 1)
                                  context.register_transport(
                                      DeviceType::host, std::make_shared<LocalTransport>("mine"));
                                context.rendezvous(allocate(context, 4));
                              }),
              Errc::invalid_argument, {"transports", "mine"});
}

TEST_CASE(
    "if ranks close different SymmetricMemory objects, all get one error and both are closed") {
  std::vector<std::optional<Error>> errors(2);
  fail_in_threads(2, [&](Context& context) {
    const auto a = allocate(context, 64), b = allocate(context, 64);
    const auto first = context.rendezvous(a), second = context.rendezvous(b);
    const auto& mine = context.rank() == 0 ? first : second;
    errors[static_cast<std::size_t>(context.rank())] = error_of([&] { mine->close(); });
    check_error([&] { mine->put_signal(0, 0); }, Errc::finished, {"closed"});
    check_still_works(context);
  });
  check_alike(errors, Errc::invalid_argument,
              {"close", "different SymmetricMemory objects", "same order"});
}

TEST_CASE("a second thread in a collective call of the group gets an error, the first call works") {
  fail_in_threads(
      2,
      [](Context& context) {
        const auto transport = std::make_shared<LocalTransport>("mine");
        std::optional<Error> second;
        // The hook runs in the middle of the first thread's rendezvous.
        transport->before_attach = [&](int) {
          const auto other = [&] {
            second = error_of([&] { context.rendezvous(allocate(context, 8)); });
            check_error([&] { context.end_group(kWorld); }, Errc::invalid_argument,
                        {"another thread"});
          };
          std::async(std::launch::async, other).get();
          return std::string();
        };
        context.register_transport(DeviceType::host, transport);
        const auto buffer = allocate(context, 64);
        const auto memory = context.rendezvous(buffer);
        check_error(second, Errc::invalid_argument,
                    {"rendezvous of group \"world\"", "another thread", "one call at a time"});
        check_ring(*memory);
        memory->close();
      },
      [](Options& options) { options.transports = {"mine"}; });
}

TEST_CASE("if two threads wait for one signal, one gets an error and the other gets the signal") {
  run_threads(2, [](Context& context) {
    const auto buffer = allocate(context, 64);
    const auto memory = context.rendezvous(buffer);
    if (context.rank() == 1) {
      store_of(context)->get("refused");
      memory->put_signal(0, 0);
    } else {
      std::atomic<int> refused{0};
      const auto errors = errors_of_threads(2, [&](int) {
        const auto error = error_of([&] { memory->wait_signal(1, 0); });
        if (!error) return;
        check_error(error, Errc::invalid_argument, {"another thread", "rank 1", "channel 0"});
        ++refused;
        store_of(context)->set("refused", "");  // Now the peer may signal.
      });
      CHECK(refused == 1);
    }
    memory->barrier();
    memory->close();
  });
}

TEST_CASE("a negative timeout of a collective call is refused locally") {
  fail_in_threads(2, [](Context& context) {
    const auto buffer = allocate(context, 64);
    alignas(8) std::byte own[8] = {};
    const std::chrono::milliseconds negative{-5};
    const std::vector<std::string> parts{"-5 ms", "negative"};
    check_error([&] { context.rendezvous(buffer, {}, negative); }, Errc::invalid_argument, parts);
    check_error([&] { context.end_group(kWorld, negative); }, Errc::invalid_argument, parts);
    check_error([&] { context.rendezvous(std::span(own), {}, kWorld, negative); },
                Errc::invalid_argument, parts);
    check_still_works(context);
  });
}

TEST_CASE("if one rank does not call rendezvous, the others get an error that names it") {
  const auto errors = errors_of_ranks(3, [](Context& context) {
    if (context.rank() != 1)
      check_error(
          [&] { context.rendezvous(allocate(context, 8), {}, std::chrono::milliseconds(50)); },
          Errc::timeout, {"rendezvous", "\"world\"", "rank 1"});
    await_all(context, "end");
  });
  check_none(errors);
}
