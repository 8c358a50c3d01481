// SPDX-License-Identifier: Apache-2.0
#include "contract/contract.hpp"

using namespace symmem;
using namespace symmem::contract;

namespace {

constexpr std::size_t kBuffer = 8192;

/// The same copy, a byte at a time.
void copy_strided(std::byte* to, std::size_t to_stride, const std::byte* from,
                  std::size_t from_stride, const Strided& shape) {
  for (std::size_t i = 0; i < shape.count; ++i)
    for (std::size_t j = 0; j < shape.bytes; ++j) to[i * to_stride + j] = from[i * from_stride + j];
}

const Strided kShapes[] = {
    {.bytes = 8, .count = 100, .local_stride = 8, .peer_stride = 64},   // a column there
    {.bytes = 8, .count = 100, .local_stride = 40, .peer_stride = 8},   // a column here
    {.bytes = 13, .count = 50, .local_stride = 17, .peer_stride = 29},  // nothing is aligned
    {.bytes = 7, .count = 30, .local_stride = 0, .peer_stride = 7},     // one piece, many times
    {.bytes = 500, .count = 1, .local_stride = 0, .peer_stride = 0},
    {.bytes = 10, .count = 0, .local_stride = 1, .peer_stride = 1},
    {.bytes = 0, .count = 10, .local_stride = 1, .peer_stride = 1},
};

}  // namespace

TEST_CASE("strided puts write the pieces and nothing between them") {
  on_ranks([](Context& context) {
    const Shared shared = share(context, kBuffer);
    for (const Strided& shape : kShapes) {
      shared.write(Bytes(kBuffer));
      shared->barrier();
      const Bytes source = pattern(context.rank(), 1, kBuffer);
      shared->put_strided(next_of(context), 5, source.data(), shape);
      shared->flush();
      shared->barrier();
      Bytes wanted(kBuffer);
      const Bytes theirs = pattern(previous_of(context), 1, kBuffer);
      copy_strided(wanted.data() + 5, shape.peer_stride, theirs.data(), shape.local_stride, shape);
      CHECK(shared.look(0, kBuffer) == wanted);
      shared->barrier();
    }
    shared->close();
  });
}

TEST_CASE("strided gets read the pieces and leave what is between them here") {
  on_ranks([](Context& context) {
    const Shared shared = share(context, kBuffer);
    const Bytes mine = pattern(context.rank(), 2, kBuffer);
    shared.write(mine);
    shared->barrier();
    const Bytes theirs = pattern(next_of(context), 2, kBuffer);
    for (const Strided& shape : kShapes) {
      Bytes got(kBuffer), wanted(kBuffer);
      shared->get_strided(next_of(context), 5, got.data(), shape);
      copy_strided(wanted.data(), shape.local_stride, theirs.data() + 5, shape.peer_stride, shape);
      CHECK(got == wanted);
    }
    shared->close();
  });
}

TEST_CASE("lists of pieces go where each of them says") {
  on_ranks([](Context& context) {
    const Shared shared = share(context, kBuffer);
    const Bytes source = pattern(context.rank(), 3, 100);
    const std::vector<PutPiece> puts{{0, source.data(), 10},
                                     {8000, source.data() + 10, 80},
                                     {50, source.data() + 90, 0},
                                     {100, source.data() + 90, 10}};
    shared->put(next_of(context), puts);
    shared->put(next_of(context), std::vector<PutPiece>{});
    shared->flush();
    shared->barrier();
    const Bytes came = pattern(previous_of(context), 3, 100);
    CHECK(shared.look(0, 10) == Bytes(came.begin(), came.begin() + 10));
    CHECK(shared.look(8000, 80) == Bytes(came.begin() + 10, came.begin() + 90));
    CHECK(shared.look(100, came.size() - 90) == Bytes(came.begin() + 90, came.end()));
    CHECK(shared.look(10, 90) == Bytes(90));

    Bytes got(100);
    const std::vector<GetPiece> gets{
        {8000, got.data() + 10, 80}, {0, got.data(), 10}, {100, got.data() + 90, 10}};
    shared->get(next_of(context), gets);
    CHECK(got == pattern(context.rank(), 3, 100));
    shared->close();
  });
}

TEST_CASE("a null pointer to copy from or to is refused by all but plain put and get") {
  on_ranks([](Context& context) {
    const Shared shared = share(context, kBuffer);
    const int peer = next_of(context);
    const auto refused = [](const std::function<void()>& call) {
      check_error(call, Errc::invalid_argument, {"local pointer is null"});
    };
    refused([&] { shared->put(peer, std::vector<PutPiece>{{0, nullptr, 10}}); });
    refused([&] { shared->get(peer, std::vector<GetPiece>{{0, nullptr, 10}}); });
    refused([&] { shared->put_strided(peer, 0, nullptr, {1, 2, 1, 1}); });
    refused([&] { shared->get_strided(peer, 0, nullptr, {1, 2, 1, 1}); });
    refused([&] { shared->put_nbi(peer, 0, nullptr, 1); });
    refused([&] { shared->get_nbi(peer, 0, nullptr, 1); });
    refused([&] { shared->put_with_signal(peer, 0, nullptr, 1, 0); });
    CHECK_NOTHROW(shared->put_with_signal(peer, 0, nullptr, 0, 0));
    shared->barrier();
    shared->close();
  });
}

TEST_CASE("a list with a piece out of range, or a stride that goes past the end, writes nothing") {
  on_ranks_leaving_nothing([](Context& context) {
    const Shared shared = share(context, kBuffer);
    const int peer = next_of(context);
    Bytes source = pattern(0, 0, kBuffer);
    const std::vector<PutPiece> puts{{0, source.data(), 10}, {kBuffer - 9, source.data(), 10}};
    const std::vector<GetPiece> gets{{0, source.data(), 10}, {SIZE_MAX, source.data(), 10}};
    check_error([&] { shared->put(peer, puts); }, Errc::invalid_argument, {"past the end"});
    check_error([&] { shared->get(peer, gets); }, Errc::invalid_argument, {"past the end"});
    const Strided past{.bytes = 8, .count = 2, .local_stride = 8, .peer_stride = kBuffer - 7};
    const Strided wraps{.bytes = 8, .count = 3, .local_stride = 8, .peer_stride = SIZE_MAX / 2};
    const Strided local{.bytes = 8, .count = 3, .local_stride = SIZE_MAX / 2, .peer_stride = 8};
    const Strided end{.bytes = 8, .count = 2, .local_stride = SIZE_MAX - 8, .peer_stride = 8};
    for (const Strided& shape : {past, wraps, local, end}) {
      check_error([&] { shared->put_strided(peer, 0, source.data(), shape); },
                  Errc::invalid_argument);
      check_error([&] { shared->get_strided(peer, 0, source.data(), shape); },
                  Errc::invalid_argument);
    }
    shared->barrier();
    CHECK(shared.look(0, kBuffer) == Bytes(kBuffer));
    CHECK(source == pattern(0, 0, kBuffer));
    shared->close();
  });
}
