// SPDX-License-Identifier: Apache-2.0
#include "contract/contract.hpp"

using namespace symmem;
using namespace symmem::contract;

namespace {

constexpr std::size_t kBuffer = 8192;

/// The reference: copies byte by byte.
void copy_strided(std::byte* to, std::size_t to_stride, const std::byte* from,
                  std::size_t from_stride, const Strided& shape) {
  for (std::size_t i = 0; i < shape.count; ++i)
    for (std::size_t j = 0; j < shape.bytes; ++j) to[i * to_stride + j] = from[i * from_stride + j];
}

const Strided kShapes[] = {
    {.bytes = 8, .count = 100, .local_stride = 8, .peer_stride = 64},   // a column of the peer
    {.bytes = 8, .count = 100, .local_stride = 40, .peer_stride = 8},   // a local column
    {.bytes = 13, .count = 50, .local_stride = 17, .peer_stride = 29},  // unaligned
    {.bytes = 7, .count = 30, .local_stride = 0, .peer_stride = 7},  // one local piece, many times
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
      shared->put_strided(next_of(context), 5, source, shape);
      shared->flush();
      shared->barrier();
      Bytes wanted(kBuffer);
      const Bytes theirs = pattern(previous_of(context), 1, kBuffer);
      copy_strided(wanted.data() + 5, shape.peer_stride, theirs.data(), shape.local_stride, shape);
      CHECK(shared.read(0, kBuffer) == wanted);
      shared->barrier();
    }
    shared->close();
  });
}

TEST_CASE("strided gets write the local pieces and do not change the bytes between them") {
  on_ranks([](Context& context) {
    const Shared shared = share(context, kBuffer);
    const Bytes mine = pattern(context.rank(), 2, kBuffer);
    shared.write(mine);
    shared->barrier();
    const Bytes theirs = pattern(next_of(context), 2, kBuffer);
    for (const Strided& shape : kShapes) {
      Bytes got(kBuffer), wanted(kBuffer);
      shared->get_strided(next_of(context), 5, got, shape);
      copy_strided(wanted.data(), shape.local_stride, theirs.data() + 5, shape.peer_stride, shape);
      CHECK(got == wanted);
    }
    shared->close();
  });
}

TEST_CASE("list puts and gets copy each piece at its own offset") {
  on_ranks([](Context& context) {
    const Shared shared = share(context, kBuffer);
    const Bytes source = pattern(context.rank(), 3, 100);
    const std::span from(source);
    const std::vector<PutPiece> puts{{0, from.first(10)},
                                     {8000, from.subspan(10, 80)},
                                     {50, from.subspan(90, 0)},
                                     {100, from.subspan(90)}};
    shared->put(next_of(context), puts);
    shared->put(next_of(context), std::vector<PutPiece>{});
    shared->flush();
    shared->barrier();
    const Bytes theirs = pattern(previous_of(context), 3, 100);
    CHECK(shared.read(0, 10) == Bytes(theirs.begin(), theirs.begin() + 10));
    CHECK(shared.read(8000, 80) == Bytes(theirs.begin() + 10, theirs.begin() + 90));
    CHECK(shared.read(100, theirs.size() - 90) == Bytes(theirs.begin() + 90, theirs.end()));
    CHECK(shared.read(10, 90) == Bytes(90));

    Bytes got(100);
    const std::span to(got);
    const std::vector<GetPiece> gets{
        {8000, to.subspan(10, 80)}, {0, to.first(10)}, {100, to.subspan(90)}};
    shared->get(next_of(context), gets);
    CHECK(got == pattern(context.rank(), 3, 100));
    shared->close();
  });
}

TEST_CASE("all calls but plain put and get refuse a null local span that is not empty") {
  on_ranks([](Context& context) {
    const Shared shared = share(context, kBuffer);
    const int peer = next_of(context);
    const auto refused = [](const std::function<void()>& call) {
      check_error(call, Errc::invalid_argument, {"the local span is null"});
    };
    std::byte* const null = nullptr;
    const std::span<std::byte> two(null, 2);
    refused([&] { shared->put(peer, std::vector<PutPiece>{{0, two}}); });
    refused([&] { shared->get(peer, std::vector<GetPiece>{{0, two}}); });
    refused([&] { shared->put_strided(peer, 0, two, {1, 2, 1, 1}); });
    refused([&] { shared->get_strided(peer, 0, two, {1, 2, 1, 1}); });
    refused([&] { shared->put_nbi(peer, 0, two); });
    refused([&] { shared->get_nbi(peer, 0, two); });
    refused([&] { shared->put_with_signal(peer, 0, two, 0); });
    CHECK_NOTHROW(shared->put_with_signal(peer, 0, two.first(0), 0));
    shared->barrier();
    shared->close();
  });
}

TEST_CASE("a list with a piece out of range, or a stride that exceeds the buffer, writes nothing") {
  on_ranks_leaving_nothing([](Context& context) {
    const Shared shared = share(context, kBuffer);
    const int peer = next_of(context);
    Bytes source = pattern(0, 0, kBuffer);
    const std::span ten = std::span(source).first(10);
    const std::vector<PutPiece> puts{{0, ten}, {kBuffer - 9, ten}};
    const std::vector<GetPiece> gets{{0, ten}, {SIZE_MAX, ten}};
    check_error([&] { shared->put(peer, puts); }, Errc::invalid_argument, {"exceed the buffer"});
    check_error([&] { shared->get(peer, gets); }, Errc::invalid_argument, {"exceed the buffer"});
    const Strided past{.bytes = 8, .count = 2, .local_stride = 8, .peer_stride = kBuffer - 7};
    const Strided wraps{.bytes = 8, .count = 3, .local_stride = 8, .peer_stride = SIZE_MAX / 2};
    const Strided local{.bytes = 8, .count = 3, .local_stride = SIZE_MAX / 2, .peer_stride = 8};
    const Strided end{.bytes = 8, .count = 2, .local_stride = SIZE_MAX - 8, .peer_stride = 8};
    for (const Strided& shape : {past, wraps, local, end}) {
      check_error([&] { shared->put_strided(peer, 0, source, shape); }, Errc::invalid_argument);
      check_error([&] { shared->get_strided(peer, 0, source, shape); }, Errc::invalid_argument);
    }
    shared->barrier();
    CHECK(shared.read(0, kBuffer) == Bytes(kBuffer));
    CHECK(source == pattern(0, 0, kBuffer));
    shared->close();
  });
}

TEST_CASE("a local span that does not hold all pieces of a strided copy is refused") {
  on_ranks_leaving_nothing([](Context& context) {
    const Shared shared = share(context, kBuffer);
    const int peer = next_of(context);
    // The last piece ends after 3 * 40 + 8 local bytes.
    const Strided shape{.bytes = 8, .count = 4, .local_stride = 40, .peer_stride = 8};
    Bytes local(128);
    const std::span too_short = std::span(local).first(127);
    const std::vector<std::string> parts{"exceed the local span", "127 bytes"};
    check_error([&] { shared->put_strided(peer, 0, too_short, shape); }, Errc::invalid_argument,
                parts);
    check_error([&] { shared->get_strided(peer, 0, too_short, shape); }, Errc::invalid_argument,
                parts);
    check_error([&] { shared->put_strided(peer, 0, {}, shape); }, Errc::invalid_argument);
    CHECK_NOTHROW(shared->put_strided(peer, 0, local, shape));
    CHECK_NOTHROW(shared->get_strided(peer, 0, local, shape));
    shared->barrier();
    shared->close();
  });
}
