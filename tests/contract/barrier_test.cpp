// SPDX-License-Identifier: Apache-2.0
#include "contract/contract.hpp"

using namespace symmem;
using namespace symmem::contract;

TEST_CASE("a thousand barriers, over several channels: none is passed before all ranks came") {
  on_ranks([](Context& context) {
    constexpr int kChannels = 5;
    const int count = rounds(context, 1000);
    const int size = context.world_size();
    const Shared shared = share(context, static_cast<std::size_t>(size) * sizeof(int));
    int wrong = 0;
    for (int round = 1; round <= count; ++round) {
      // Each writes its round to one peer, another one each time, and finds what came from one.
      const int shift = round % size;
      const int to = (context.rank() + shift) % size, from = (context.rank() + size - shift) % size;
      shared->put(to, static_cast<std::size_t>(context.rank()) * sizeof round, &round,
                  sizeof round);
      shared->barrier(round % kChannels);
      int seen = 0;
      shared->get(context.rank(), static_cast<std::size_t>(from) * sizeof seen, &seen, sizeof seen);
      wrong += seen != round;
    }
    CHECK(wrong == 0);
    shared->close();
  });
}

TEST_CASE("a rank that runs ahead does not pass a barrier that others have not reached") {
  on_ranks([](Context& context) {
    const Shared shared = share(context, 64);
    const auto size = static_cast<std::uint64_t>(context.world_size());
    const auto count = static_cast<std::uint64_t>(rounds(context, 200));
    bool all_there = true;
    for (std::uint64_t round = 1; round <= count; ++round) {
      shared->fetch_add<std::uint64_t>(0, 0, 1);
      shared->barrier();
      const auto arrived = shared->fetch_add<std::uint64_t>(0, 0, 0);
      // Others may be in the next round already, by one arrival each.
      all_there = all_there && arrived >= round * size && arrived < (round + 1) * size;
    }
    CHECK(all_there);
    shared->close();
  });
}

TEST_CASE("a barrier that times out names who is missing and fails its channel, not the others") {
  on_ranks([](Context& context) {
    const Shared shared = share(context, 64);
    if (context.world_size() > 1 && context.rank() == 0) {
      check_error([&] { shared->barrier(1, std::chrono::milliseconds(5)); }, Errc::timeout,
                  {"channel 1", "group \"world\"", "missing", "rank 1 (host", "pid"});
      check_error([&] { shared->barrier(1); }, Errc::finished, {"channel 1"});
    }
    for (int i = 0; i < 10; ++i) shared->barrier(2);
    // The signals of that channel go on.
    shared->put_signal(next_of(context), 1);
    shared->wait_signal(previous_of(context), 1);
    shared->close();
  });
}

TEST_CASE("every rank, channel and timeout that does not exist is refused") {
  on_ranks_leaving_nothing([](Context& context) {
    const Shared shared = share(context, 64);
    const int size = context.world_size(), channels = shared->channels();
    const std::chrono::milliseconds negative{-1};
    int word = 0;
    for (const int rank : {-1, size, 1 << 30}) {
      const std::vector<std::string> parts{"rank " + std::to_string(rank), "0 to"};
      check_error([&] { shared->put(rank, 0, &word, 4); }, Errc::invalid_argument, parts);
      check_error([&] { shared->get(rank, 0, &word, 4); }, Errc::invalid_argument, parts);
      check_error([&] { shared->put_signal(rank, 0); }, Errc::invalid_argument, parts);
      check_error([&] { shared->wait_signal(rank, 0); }, Errc::invalid_argument, parts);
      check_error([&] { shared->flush(rank); }, Errc::invalid_argument, parts);
      check_error([&] { shared->fetch_add(rank, 0, 1); }, Errc::invalid_argument, parts);
      check_error([&] { shared->get_buffer(rank, {1}, kInt32); }, Errc::invalid_argument, parts);
      check_error([&] { shared->peer(rank); }, Errc::invalid_argument, parts);
      check_error([&] { shared->route(rank); }, Errc::invalid_argument, parts);
    }
    for (const int channel : {-1, channels, 1 << 30}) {
      const std::vector<std::string> parts{"channel " + std::to_string(channel), "SYMMEM_CHANNELS"};
      check_error([&] { shared->put_signal(0, channel); }, Errc::invalid_argument, parts);
      check_error([&] { shared->wait_signal(0, channel); }, Errc::invalid_argument, parts);
      check_error([&] { shared->barrier(channel); }, Errc::invalid_argument, parts);
      check_error([&] { shared->put_with_signal(0, 0, &word, 4, channel); }, Errc::invalid_argument,
                  parts);
    }
    const std::vector<std::string> parts{"-1 ms", "negative"};
    check_error([&] { shared->wait_signal(0, 0, negative); }, Errc::invalid_argument, parts);
    check_error([&] { shared->put_signal(0, 0, negative); }, Errc::invalid_argument, parts);
    check_error([&] { shared->barrier(0, negative); }, Errc::invalid_argument, parts);
    check_error([&] { shared->flush(negative); }, Errc::invalid_argument, parts);
    check_error([&] { shared->flush(0, negative); }, Errc::invalid_argument, parts);
    check_error([&] { shared->put_with_signal(0, 0, &word, 4, 0, negative); },
                Errc::invalid_argument, parts);
    check_error([&] { shared->close(negative); }, Errc::invalid_argument, parts);
    shared->barrier();  // None of this has failed the channel, or the memory.
    shared->close();
  });
}
