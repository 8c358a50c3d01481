// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <future>

#include "system/local_transport.hpp"
#include "system/system.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

/// After a refused rendezvous nothing is in the way of the next one.
void check_still_works(Context& context) {
  const Tensor tensor = bytes_tensor(context, 64);
  const auto memory = context.rendezvous(tensor);
  check_ring(*memory, tensor);
  memory->close();
}

/// Runs ranks as threads, which fail to meet: nothing of it may be left in the process.
void fail_in_threads(
    int count, const std::function<void(Context&)>& body,
    const std::function<void(Options&)>& adjust = [](Options&) {}) {
  leaving_nothing([&] { run_threads(count, body, adjust); });
}

/// Every rank must fail, and alike, in `body`; and then go on.
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

TEST_CASE("sizes that differ are one error on every rank, with ranks and values") {
  check_refused(4,
                [](Context& context) {
                  context.rendezvous(bytes_tensor(context, context.rank() == 2 ? 4096 : 100));
                },
                {"rendezvous of group \"world\"", "sizes in bytes differ", "100 on rank 0 (host",
                 "rank 1 (host", "rank 3 (host", "4096 on rank 2 (host", "pid"});
}

TEST_CASE("a pointer that is not symmetric on one rank fails all ranks and names that one") {
  check_refused(3,
                [](Context& context) {
                  int own = 0;
                  const Tensor foreign(&own, {1}, {1}, kInt32, {}, nullptr);
                  context.rendezvous(context.rank() == 1 ? foreign : bytes_tensor(context, 4),
                                     kWorld);
                },
                {"failed on all 3 ranks", "rank 1 (host", "is not symmetric memory of type host"});
}

TEST_CASE("different collective calls are an error on every rank, with who called what") {
  fail_in_threads(3, [](Context& context) {
    int own = 0;
    const auto call = [&] {
      if (context.rank() == 0)
        context.register_buffer(&own, sizeof own, {});
      else
        context.rendezvous(bytes_tensor(context, 4));
    };
    check_error(call, Errc::invalid_argument,
                {"different collective calls", "register_buffer by rank 0", "rendezvous by rank 1",
                 "rank 2", "same order"});
    check_still_works(context);
  });
}

TEST_CASE("options that must be equal are compared, and the error says which differ") {
  const auto errors_with = [](const std::function<void(Options&)>& of_rank_1) {
    return errors_of_ranks(
        2, [](Context& context) { context.rendezvous(bytes_tensor(context, 4)); },
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

TEST_CASE("a transport registered on one rank only is a difference") {
  check_alike(errors_of_ranks(2,
                              [](Context& context) {
                                if (context.rank() == 1)
                                  context.register_transport(
                                      DeviceType::host, std::make_shared<LocalTransport>("mine"));
                                context.rendezvous(bytes_tensor(context, 4));
                              }),
              Errc::invalid_argument, {"transports", "mine"});
}

TEST_CASE("ranks that close different memories get an error, and neither is used again") {
  std::vector<std::optional<Error>> errors(2);
  fail_in_threads(2, [&](Context& context) {
    const Tensor a = bytes_tensor(context, 64), b = bytes_tensor(context, 64);
    const auto first = context.rendezvous(a), second = context.rendezvous(b);
    const auto& mine = context.rank() == 0 ? first : second;
    errors[static_cast<std::size_t>(context.rank())] = error_of([&] { mine->close(); });
    check_error([&] { mine->put_signal(0, 0); }, Errc::finished, {"closed"});
    check_still_works(context);
  });
  check_alike(errors, Errc::invalid_argument, {"close", "different memories", "same order"});
}

TEST_CASE("two threads in a collective of one group: the second is told so, the first goes on") {
  fail_in_threads(
      2,
      [](Context& context) {
        const auto transport = std::make_shared<LocalTransport>("mine");
        std::optional<Error> second;
        // The hook runs in the middle of the first thread's rendezvous.
        transport->before_attach = [&](int) {
          const auto other = [&] {
            second = error_of([&] { context.rendezvous(bytes_tensor(context, 8)); });
            check_error([&] { context.end_group(kWorld); }, Errc::invalid_argument,
                        {"another thread"});
          };
          std::async(std::launch::async, other).get();
          return std::string();
        };
        context.register_transport(DeviceType::host, transport);
        const Tensor tensor = bytes_tensor(context, 64);
        const auto memory = context.rendezvous(tensor);
        check_error(second, Errc::invalid_argument,
                    {"rendezvous of group \"world\"", "another thread", "one at a time"});
        check_ring(*memory, tensor);
        memory->close();
      },
      [](Options& options) { options.transports = {"mine"}; });
}

TEST_CASE("two threads that wait for one signal are an error, not a lost signal") {
  run_threads(2, [](Context& context) {
    const Tensor tensor = bytes_tensor(context, 64);
    const auto memory = context.rendezvous(tensor);
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
        store_of(context)->set("refused", "");  // Now the other thread's signal may come.
      });
      CHECK(refused == 1);
    }
    memory->barrier();
    memory->close();
  });
}

TEST_CASE("a negative timeout of a collective is refused before any rank is asked") {
  fail_in_threads(2, [](Context& context) {
    const Tensor tensor = bytes_tensor(context, 64);
    int own = 0;
    const std::chrono::milliseconds negative{-5};
    const std::vector<std::string> parts{"-5 ms", "negative"};
    check_error([&] { context.rendezvous(tensor, {}, negative); }, Errc::invalid_argument, parts);
    check_error([&] { context.end_group(kWorld, negative); }, Errc::invalid_argument, parts);
    check_error([&] { context.register_buffer(&own, 4, {}, kWorld, negative); },
                Errc::invalid_argument, parts);
    check_still_works(context);
  });
}

TEST_CASE("a rendezvous that one rank does not come to names it on the others") {
  const auto errors = errors_of_ranks(3, [](Context& context) {
    if (context.rank() != 1)
      check_error(
          [&] { context.rendezvous(bytes_tensor(context, 8), {}, std::chrono::milliseconds(50)); },
          Errc::timeout, {"rendezvous", "\"world\"", "rank 1"});
    meet(context, "end");
  });
  check_none(errors);
}
