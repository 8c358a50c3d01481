// SPDX-License-Identifier: Apache-2.0
#include "contract/contract.hpp"

using namespace symmem;
using namespace symmem::contract;

namespace {

constexpr std::chrono::milliseconds kPollOnce{0};

}  // namespace

TEST_CASE("a rank that waited for a signal reads the bytes that were put before it") {
  on_ranks([](Context& context) {
    constexpr int kData = 0, kConsumed = 1;
    const int count = rounds(context, 300);
    constexpr std::size_t kLargest = 64 << 10;
    const Shared shared = share(context, kLargest);
    const int next = next_of(context), previous = previous_of(context);
    int wrong = 0;
    for (int round = 0; round < count; ++round) {
      const std::size_t bytes = round % 3 == 0 ? 8 : round % 3 == 1 ? 3001 : kLargest;
      const Bytes sent = pattern(context.rank(), round, bytes);
      if (round % 2 == 0) {
        shared->put_with_signal(next, 0, sent, kData);
      } else {
        shared->put(next, 0, sent);
        shared->put_signal(next, kData);
      }
      shared->wait_signal(previous, kData);
      wrong += shared.read(0, bytes) != pattern(previous, round, bytes);
      shared->put_signal(previous, kConsumed);
      shared->wait_signal(next, kConsumed);
    }
    CHECK(wrong == 0);
    shared->close();
  });
}

TEST_CASE("a hundred signals that are sent before any wait satisfy exactly a hundred waits") {
  on_ranks([](Context& context) {
    const Shared shared = share(context, 64);
    const int size = context.world_size();
    for (int i = 0; i < 100; ++i)
      for (int to = 0; to < size; ++to) shared->put_signal(to, 3);
    shared->flush();
    shared->barrier();
    for (int from = 0; from < size; ++from) {
      for (int i = 0; i < 100; ++i) shared->wait_signal(from, 3, kPollOnce);
      check_error([&] { shared->wait_signal(from, 3, kPollOnce); }, Errc::timeout,
                  {"channel 3", "rank " + std::to_string(from), "nothing was consumed"});
    }
    shared->close();
  });
}

TEST_CASE("a wait receives only signals on its channel from its source rank") {
  on_ranks([](Context& context) {
    const Shared shared = share(context, 64);
    const int last = shared->channels() - 1;
    shared->put_signal(next_of(context), last);
    shared->flush();
    shared->barrier();
    for (int from = 0; from < context.world_size(); ++from)
      for (const int channel : {0, last - 1, last})
        if (from != previous_of(context) || channel != last)
          check_error([&] { shared->wait_signal(from, channel, kPollOnce); }, Errc::timeout);
    shared->wait_signal(previous_of(context), last, kPollOnce);
    shared->close();
  });
}

TEST_CASE("a wait that timed out has consumed no signal") {
  on_ranks([](Context& context) {
    const Shared shared = share(context, 64);
    for (int i = 0; i < 5; ++i)
      check_error(
          [&] { shared->wait_signal(previous_of(context), 0, std::chrono::milliseconds(3)); },
          Errc::timeout);
    shared->barrier();
    shared->put_signal(next_of(context), 0);
    shared->wait_signal(previous_of(context), 0);
    check_error([&] { shared->wait_signal(previous_of(context), 0, kPollOnce); }, Errc::timeout);
    shared->close();
  });
}

TEST_CASE("signals and barriers on one channel do not consume each other") {
  on_ranks([](Context& context) {
    const Shared shared = share(context, 64);
    for (int i = 0; i < rounds(context, 50); ++i) {
      shared->put_signal(next_of(context), 2);
      shared->barrier(2);
      shared->put_signal(next_of(context), 2);
      shared->barrier(2);
      shared->wait_signal(previous_of(context), 2, kPollOnce);
      shared->wait_signal(previous_of(context), 2, kPollOnce);
    }
    shared->barrier(2);
    check_error([&] { shared->wait_signal(previous_of(context), 2, kPollOnce); }, Errc::timeout);
    shared->close();
  });
}

TEST_CASE("a wait does not receive a signal of another allocation or group") {
  on_ranks([](Context& context) {
    const Shared one = share(context, 64), other = share(context, 64);
    context.set_group_info("again", context.rank(), context.world_size(),
                           context.get_group_info(kWorld).store);
    const auto again = context.rendezvous(one.buffer, "again");
    one->put_signal(next_of(context), 0);
    again->put_signal(next_of(context), 1);
    one->flush();
    one->barrier();
    check_error([&] { other->wait_signal(previous_of(context), 0, kPollOnce); }, Errc::timeout);
    check_error([&] { again->wait_signal(previous_of(context), 0, kPollOnce); }, Errc::timeout);
    check_error([&] { one->wait_signal(previous_of(context), 1, kPollOnce); }, Errc::timeout);
    one->wait_signal(previous_of(context), 0);
    again->wait_signal(previous_of(context), 1);
    again->close();
    other->close();
    one->close();
  });
}

TEST_CASE("threads that use different channels do not affect each other") {
  on_ranks([](Context& context) {
    constexpr int kThreads = 4;
    const int count = rounds(context, 100);
    const Shared shared = share(context, kThreads * sizeof(int));
    const auto errors = harness::errors_of_threads(kThreads, [&](int channel) {
      const auto at = static_cast<std::size_t>(channel) * sizeof(int);
      for (int round = 0; round < count; ++round) {
        const int sent = round * kThreads + channel;
        shared->put_with_signal(next_of(context), at, std::span(&sent, 1), channel);
        shared->wait_signal(previous_of(context), channel);
        int got = -1;
        shared->get(context.rank(), at, std::span(&got, 1));
        if (got != sent) FAIL_CHECK("channel " << channel << ": " << got << " is not " << sent);
        shared->barrier(channel);
      }
    });
    for (const auto& error : errors)
      if (error) FAIL_CHECK(std::string(error->what()));
    shared->close();
  });
}

TEST_CASE("a signal that is passed around the ring wakes each rank that sleeps in wait_signal") {
  on_ranks([](Context& context) {
    const Shared shared = share(context, 64);
    for (int round = 0; round < rounds(context, 200); ++round) {
      if (context.rank() == 0) shared->put_signal(next_of(context), 0);
      shared->wait_signal(previous_of(context), 0);
      if (context.rank() != 0) shared->put_signal(next_of(context), 0);
    }
    shared->close();
  });
}
