// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>

#include <optional>

#include "faults/faults.hpp"
#include "faults/hooked_transport.hpp"
#include "harness/progress.hpp"
#include "harness/network.hpp"

using namespace symmem;
using namespace symmem::faults;

namespace {

using Calls = std::vector<std::pair<const char*, std::function<void()>>>;

/// The calls of `calls` that end otherwise than in Error(finished), by ", ".
std::string not_refused(const Calls& calls) {
  std::string wrong;
  for (const auto& [what, call] : calls) {
    std::string end = "returned";
    try {
      call();
    } catch (const Error& error) {
      end = error.code() == Errc::finished ? "" : error.what();
    }
    if (!end.empty()) wrong += fmt::format("{}{} ({})", wrong.empty() ? "" : ", ", what, end);
  }
  return wrong;
}

/// What a parent had, as its child has it.
struct Had {
  Context& context;
  const Tensor& tensor;
  SymmetricMemory& memory;
  std::shared_ptr<SymmetricMemoryAllocator> allocator;
  std::shared_ptr<Transport> transport;  ///< Of the program's own.
  Store& local;                          ///< Within the process.
  std::optional<RemoteKey> key;          ///< Of rank 1, where no pointer reaches it.
};

std::int64_t word = 0;

Calls calls_on_context(const Had& had) {
  auto& context = had.context;
  auto& tensor = had.tensor;
  auto& allocator = *had.allocator;
  const auto type = DeviceType::host;
  const auto store = context.store();
  return {
      {"register_allocator", [&, type] { context.register_allocator(type, had.allocator); }},
      {"register_transport", [&, type] { context.register_transport(type, had.transport); }},
      {"get_allocator", [&] { context.get_allocator(DeviceType::host); }},
      {"get_group_info", [&] { context.get_group_info(kWorld); }},
      {"set_group_info", [&] { context.set_group_info("new", 0, 1, make_hash_store()); }},
      {"end_group", [&] { context.end_group(kWorld); }},
      {"empty_strided_p2p", [&] { allocate(context); }},
      {"rendezvous", [&] { context.rendezvous(tensor, kWorld); }},
      {"get_symmetric_memory", [&] { get_symmetric_memory(context, tensor); }},
      {"register_buffer", [&] { context.register_buffer(std::span(&word, 1), {}); }},
      {"store.set", [=] { store->set("child", "was here"); }},
      {"store.get", [=] { store->get("key"); }},
      {"local.set", [&] { had.local.set("child", "was here"); }},
      {"alloc", [&] { allocator.alloc(64, 0, kWorld); }},
      {"get_alloc_size", [&] { allocator.get_alloc_size(tensor.data()); }},
      {"allocator.rendezvous", [&] { allocator.rendezvous(tensor.data(), kWorld); }},
      {"allocator.get_symmetric_memory",
       [&] { allocator.get_symmetric_memory(tensor.data(), kWorld); }},
      {"is_rendezvous_completed", [&] { allocator.is_rendezvous_completed(tensor.data()); }},
      {"free", [&] { allocator.free(tensor.data()); }},
  };
}

Calls calls_on_memory(SymmetricMemory& memory) {
  static const std::vector<PutPiece> puts{{0, std::span(&word, 1)}};
  static const std::vector<GetPiece> gets{{0, std::span(&word, 1)}};
  static const Strided shape{.bytes = 4, .count = 2, .local_stride = 4, .peer_stride = 8};
  return {
      {"put", [&] { memory.put(1, 0, std::span(&word, 1)); }},
      {"get", [&] { memory.get(1, 0, std::span(&word, 1)); }},
      {"put of a list", [&] { memory.put(1, puts); }},
      {"get of a list", [&] { memory.get(1, gets); }},
      {"put_strided", [&] { memory.put_strided(1, 0, &word, shape); }},
      {"get_strided", [&] { memory.get_strided(1, 0, &word, shape); }},
      {"put_nbi", [&] { memory.put_nbi(1, 0, std::span(&word, 1)); }},
      {"get_nbi", [&] { memory.get_nbi(1, 0, std::span(&word, 1)); }},
      {"put_with_signal", [&] { memory.put_with_signal(1, 0, std::span(&word, 1), 0); }},
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

Calls calls_on_key(const RemoteKey& key) {
  return {
      {"key.put", [&] { key.put(0, std::span(&word, 1)); }},
      {"key.get", [&] { key.get(0, std::span(&word, 1)); }},
      {"key.put_nbi", [&] { key.put_nbi(0, std::span(&word, 1)); }},
      {"key.get_nbi", [&] { key.get_nbi(0, std::span(&word, 1)); }},
      {"key.flush", [&] { key.flush(); }},
      {"key.packed", [&] { key.packed(); }},
  };
}

Calls calls_of(const Had& had) {
  Calls all = calls_on_context(had), more = calls_on_memory(had.memory);
  all.insert(all.end(), more.begin(), more.end());
  if (!had.key) return all;
  more = calls_on_key(*had.key);
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

/// Runs `body` in a forked child; returns what it returned.
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

/// Two ranks, of which the first forks; then both go on as if nothing had been.
void fork_amid(RankProcess& self) {
  auto context = std::make_optional<Context>();
  std::optional<Shared> shared(*context);
  SymmetricMemory& memory = *shared->memory;
  if (self.rank == 0) {
    const auto transport =
        std::make_shared<HookedTransport>(context->options(), HookedTransport::Hook());
    const auto local = make_hash_store();
    const Had had{
        *context, shared->tensor,    memory, context->get_allocator(DeviceType::host), transport,
        *local,   memory.peer(1).key};
    CHECK(in_child([&] { return not_refused(calls_of(had)); }) == "");
    // Destructors there must neither hang nor say goodbye in the parent's name.
    CHECK(in_child([&] {
            shared.reset();
            context.reset();
            return "ended";
          }) == "ended");
  }
  memory.barrier();
  CHECK_FALSE(context->store()->check({"child"}));
  CHECK(*shared->tensor.data<std::int64_t>() == 0);
  Shared after(*context);
  const std::int64_t sent = 7;
  after.memory->put(1 - self.rank, 0, std::span(&sent, 1));
  after.memory->barrier();
  CHECK(*after.tensor.data<std::int64_t>() == sent);
  after.memory->close();
  memory.close();
}

}  // namespace

TEST_CASE("in a forked child every call is refused and ends nothing of the parent's") {
  run_ranks(2, [](RankProcess& self) { leaving_nothing([&] { fork_amid(self); }); });
}

TEST_CASE("so it is in a forked child whose parent reached another host") {
  if (!harness::can_use_ucx()) return;
  run_ranks(
      2,
      [](RankProcess& self) {
        harness::use_ucx_once();
        leaving_nothing([&] { fork_amid(self); });
      },
      harness::on_hosts(2));
}

TEST_CASE("a forked child may make a Context of its own") {
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
