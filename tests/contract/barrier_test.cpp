// SPDX-License-Identifier: Apache-2.0
#include "contract/contract.hpp"

using namespace symmem;
using namespace symmem::contract;

TEST_CASE(
    "each of a thousand barriers on several channels returns only after all ranks called it") {
  on_ranks([](Context& context) {
    constexpr int kChannels = 5;
    const int count = rounds(context, 1000);
    const int size = context.world_size();
    const Shared shared = share(context, static_cast<std::size_t>(size) * sizeof(int));
    int wrong = 0;
    for (int round = 1; round <= count; ++round) {
      // Each rank writes the round's number to one peer, which differs in each round.
      const int shift = round % size;
      const int to = (context.rank() + shift) % size, from = (context.rank() + size - shift) % size;
      shared->put(to, static_cast<std::size_t>(context.rank()) * sizeof round,
                  std::span(&round, 1));
      shared->barrier(round % kChannels);
      int got = 0;
      shared->get(context.rank(), static_cast<std::size_t>(from) * sizeof got, std::span(&got, 1));
      wrong += got != round;
    }
    CHECK(wrong == 0);
    shared->close();
  });
}

TEST_CASE("a rank that arrives early does not leave a barrier that others have not reached") {
  on_ranks([](Context& context) {
    const Shared shared = share(context, 64);
    const auto size = static_cast<std::uint64_t>(context.world_size());
    const auto count = static_cast<std::uint64_t>(rounds(context, 200));
    bool all_there = true;
    for (std::uint64_t round = 1; round <= count; ++round) {
      shared->fetch_add<std::uint64_t>(0, 0, 1);
      shared->barrier();
      const auto arrived = shared->fetch_add<std::uint64_t>(0, 0, 0);
      // Each other rank may have incremented the counter for the next round already.
      all_there = all_there && arrived >= round * size && arrived < (round + 1) * size;
    }
    CHECK(all_there);
    shared->close();
  });
}

TEST_CASE("a barrier that times out names the missing ranks and fails on its channel only") {
  on_ranks([](Context& context) {
    const Shared shared = share(context, 64);
    if (context.world_size() > 1 && context.rank() == 0) {
      check_error([&] { shared->barrier(1, std::chrono::milliseconds(5)); }, Errc::timeout,
                  {"channel 1", "group \"world\"", "missing", "rank 1 (host", "pid"});
      check_error([&] { shared->barrier(1); }, Errc::finished, {"channel 1"});
    }
    for (int i = 0; i < 10; ++i) shared->barrier(2);
    // Signals still work on channel 1.
    shared->put_signal(next_of(context), 1);
    shared->wait_signal(previous_of(context), 1);
    shared->close();
  });
}

TEST_CASE("ranks and channels out of range and negative timeouts are refused") {
  on_ranks_leaving_nothing([](Context& context) {
    const Shared shared = share(context, 64);
    const int size = context.world_size(), channels = shared->channels();
    const std::chrono::milliseconds negative{-1};
    int word = 0;
    const std::span one(&word, 1);
    for (const int rank : {-1, size, 1 << 30}) {
      const std::vector<std::string> parts{"rank " + std::to_string(rank), "0 to"};
      check_error([&] { shared->put(rank, 0, one); }, Errc::invalid_argument, parts);
      check_error([&] { shared->get(rank, 0, one); }, Errc::invalid_argument, parts);
      check_error([&] { shared->put_signal(rank, 0); }, Errc::invalid_argument, parts);
      check_error([&] { shared->wait_signal(rank, 0); }, Errc::invalid_argument, parts);
      check_error([&] { shared->flush(rank); }, Errc::invalid_argument, parts);
      check_error([&] { shared->fetch_add(rank, 0, 1); }, Errc::invalid_argument, parts);
      check_error([&] { get_buffer(*shared.memory, rank, {1}, kInt32); }, Errc::invalid_argument,
                  parts);
      check_error([&] { shared->peer(rank); }, Errc::invalid_argument, parts);
      check_error([&] { shared->route(rank); }, Errc::invalid_argument, parts);
    }
    for (const int channel : {-1, channels, 1 << 30}) {
      const std::vector<std::string> parts{"channel " + std::to_string(channel), "SYMMEM_CHANNELS"};
      check_error([&] { shared->put_signal(0, channel); }, Errc::invalid_argument, parts);
      check_error([&] { shared->wait_signal(0, channel); }, Errc::invalid_argument, parts);
      check_error([&] { shared->barrier(channel); }, Errc::invalid_argument, parts);
      check_error([&] { shared->put_with_signal(0, 0, one, channel); }, Errc::invalid_argument,
                  parts);
    }
    const std::vector<std::string> parts{"-1 ms", "negative"};
    check_error([&] { shared->wait_signal(0, 0, negative); }, Errc::invalid_argument, parts);
    check_error([&] { shared->put_signal(0, 0, negative); }, Errc::invalid_argument, parts);
    check_error([&] { shared->barrier(0, negative); }, Errc::invalid_argument, parts);
    check_error([&] { shared->flush(negative); }, Errc::invalid_argument, parts);
    check_error([&] { shared->flush(0, negative); }, Errc::invalid_argument, parts);
    check_error([&] { shared->put_with_signal(0, 0, one, 0, negative); }, Errc::invalid_argument,
                parts);
    check_error([&] { shared->close(negative); }, Errc::invalid_argument, parts);
    shared->barrier();  // The refused calls left the channel and the memory usable.
    shared->close();
  });
}
