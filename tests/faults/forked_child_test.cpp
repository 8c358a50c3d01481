// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>

#include <optional>

#include "faults/faults.hpp"
#include "faults/hooked_transport.hpp"
#include "harness/network.hpp"
#include "harness/progress.hpp"
#include "symmem/extend/allocator.hpp"

using namespace symmem;
using namespace symmem::faults;

namespace {

using Calls = std::vector<std::pair<const char*, std::function<void()>>>;

/// Returns the calls that do not throw Error(finished), separated by ", ".
std::string not_refused(const Calls& calls) {
  std::string wrong;
  for (const auto& [what, call] : calls) {
    std::string outcome = "returned";
    try {
      call();
    } catch (const Error& error) {
      outcome = error.code() == Errc::finished ? "" : error.what();
    }
    if (!outcome.empty())
      wrong += fmt::format("{}{} ({})", wrong.empty() ? "" : ", ", what, outcome);
  }
  return wrong;
}

/// Objects of the parent that its child inherits.
struct Inherited {
  Context& context;
  const Buffer<>& buffer;
  SymmetricMemory& memory;
  std::shared_ptr<SymmetricMemoryAllocator> allocator;
  std::shared_ptr<Transport> transport;  ///< A transport that the program made.
  KeyValueStore& local;                  ///< An in-process store.
};

std::int64_t word = 0;
const std::span one_word(&word, 1);

Calls calls_on_context(const Inherited& from) {
  auto& context = from.context;
  auto& buffer = from.buffer;
  auto& allocator = *from.allocator;
  const auto type = DeviceType::host;
  const auto store = context.store();
  return {
      {"register_allocator", [&, type] { context.register_allocator(type, from.allocator); }},
      {"register_transport", [&, type] { context.register_transport(type, from.transport); }},
      {"get_allocator", [&] { context.get_allocator(DeviceType::host); }},
      {"get_group_info", [&] { context.get_group_info(kWorld); }},
      {"set_group_info", [&] { context.set_group_info("new", 0, 1, make_hash_store()); }},
      {"end_group", [&] { context.end_group(kWorld); }},
      {"allocate", [&] { allocate(context); }},
      {"empty_strided_p2p", [&] { empty_strided_p2p(context, {64}, {1}, kUint8); }},
      {"rendezvous", [&] { context.rendezvous(buffer, kWorld); }},
      {"get_symmetric_memory", [&] { get_symmetric_memory(context, Tensor()); }},
      {"rendezvous of a span", [&] { context.rendezvous(std::as_writable_bytes(one_word)); }},
      {"store.set", [=] { store->set("child", "was here"); }},
      {"store.get", [=] { store->get("key"); }},
      {"local.set", [&] { from.local.set("child", "was here"); }},
      {"alloc", [&] { allocator.alloc(64, 0, kWorld); }},
      {"get_alloc_size", [&] { allocator.get_alloc_size(buffer.data()); }},
      {"allocator.rendezvous", [&] { allocator.rendezvous(buffer.data(), kWorld); }},
      {"allocator.get_symmetric_memory",
       [&] { allocator.get_symmetric_memory(buffer.data(), kWorld); }},
      {"is_rendezvous_completed", [&] { allocator.is_rendezvous_completed(buffer.data()); }},
      {"free", [&] { allocator.free(buffer.data()); }},
  };
}

Calls calls_on_memory(SymmetricMemory& memory) {
  const auto bytes = std::as_writable_bytes(one_word);
  static const std::vector<PutPiece> puts{{0, bytes}};
  static const std::vector<GetPiece> gets{{0, bytes}};
  static const Strided shape{.bytes = 4, .count = 2, .local_stride = 4, .peer_stride = 8};
  return {
      {"put", [&] { memory.put(1, 0, one_word); }},
      {"get", [&] { memory.get(1, 0, one_word); }},
      {"put of a list", [&] { memory.put(1, puts); }},
      {"get of a list", [&] { memory.get(1, gets); }},
      {"put_strided", [&, bytes] { memory.put_strided(1, 0, bytes, shape); }},
      {"get_strided", [&, bytes] { memory.get_strided(1, 0, bytes, shape); }},
      {"put_nbi", [&, bytes] { memory.put_nbi(1, 0, bytes); }},
      {"get_nbi", [&, bytes] { memory.get_nbi(1, 0, bytes); }},
      {"put_with_signal", [&] { memory.put_with_signal(1, 0, one_word, 0); }},
      {"fetch_add", [&] { memory.fetch_add<std::int64_t>(1, 0, 1); }},
      {"fetch_and", [&] { memory.fetch_and<std::int64_t>(1, 0, 1); }},
      {"fetch_or", [&] { memory.fetch_or<std::int64_t>(1, 0, 1); }},
      {"fetch_xor", [&] { memory.fetch_xor<std::int32_t>(1, 0, 1); }},
      {"swap", [&] { memory.swap<std::int64_t>(1, 0, 1); }},
      {"compare_swap", [&] { memory.compare_swap<std::int64_t>(1, 0, 0, 1); }},
      {"flush", [&] { memory.flush(); }},
      {"flush of one", [&] { memory.flush(1); }},
      {"put_signal", [&] { memory.put_signal(1, 0); }},
      {"wait_signal", [&] { memory.wait_signal(1, 0); }},
      {"barrier", [&] { memory.barrier(); }},
      {"close", [&] { memory.close(); }},
      {"peer", [&] { memory.peer(1); }},
      {"get_buffer", [&] { get_buffer(memory, 1, {1}, kInt64); }},
      {"explain", [&] { memory.explain(); }},
  };
}

Calls calls_of(const Inherited& from) {
  Calls all = calls_on_context(from);
  const Calls more = calls_on_memory(from.memory);
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

/// Runs `body` in a forked child and returns its result.
std::string in_child(const std::function<std::string()>& body) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string text = body();
    const bool written = ::write(ends[1], text.data(), text.size()) >= 0;
    ::_exit(written ? 0 : 1);
  }
  ::close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t got; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  ::close(ends[0]);
  int status = 0;
  CHECK(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  return text;
}

/// Rank 0 forks a child, whose calls must fail. Then both ranks work as if there had been no fork.
void fork_and_continue(RankProcess& self) {
  auto context = std::make_optional<Context>();
  std::optional<Shared> shared(*context);
  SymmetricMemory& memory = *shared->memory;
  if (self.rank == 0) {
    const auto transport =
        std::make_shared<HookedTransport>(context->options(), HookedTransport::Hook());
    const auto local = make_hash_store();
    const Inherited from{*context,  shared->buffer,
                         memory,    context->get_allocator(DeviceType::host),
                         transport, *local};
    CHECK(in_child([&] { return not_refused(calls_of(from)); }) == "");
    // Destructors in the child must not hang, and must not leave the parent's groups.
    CHECK(in_child([&] {
            shared.reset();
            context.reset();
            return "ended";
          }) == "ended");
  }
  memory.barrier();
  CHECK_FALSE(context->store()->check({"child"}));
  CHECK(*shared->own<std::int64_t>() == 0);
  Shared after(*context);
  const std::int64_t sent = 7;
  after.memory->put(1 - self.rank, 0, std::span(&sent, 1));
  after.memory->barrier();
  CHECK(*after.own<std::int64_t>() == sent);
  after.memory->close();
  memory.close();
}

}  // namespace

TEST_CASE("every call in a forked child throws, and the parent is not affected") {
  run_ranks(2, [](RankProcess& self) { leaving_nothing([&] { fork_and_continue(self); }); });
}

TEST_CASE("every call in a forked child throws, also if the parent is connected to another host") {
  if (!harness::can_use_ucx()) return;
  run_ranks(
      2,
      [](RankProcess& self) {
        harness::use_ucx_once();
        leaving_nothing([&] { fork_and_continue(self); });
      },
      harness::on_hosts(2));
}

TEST_CASE("a forked child can make its own Context") {
#ifdef __SANITIZE_THREAD__
  harness::skip("ThreadSanitizer ends forked children that start threads");
  return;
#endif
  run_ranks(1, [](RankProcess&) {
    Context context;
    Shared shared(context);
    CHECK(in_child([] {
            Options options = as_rank(0, 1);
            options.store.clear();
            Context own(options);
            Shared alone(own);
            alone.memory->barrier();
            return "worked";
          }) == "worked");
    shared.memory->close();
  });
}
