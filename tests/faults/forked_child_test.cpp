// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>

#include <optional>

#include "faults/faults.hpp"
#include "harness/progress.hpp"

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
  SymmetricMemoryAllocator& allocator;
  Store& local;  ///< Within the process.
};

Calls calls_of(const Had& had) {
  auto& [context, tensor, memory, allocator, local] = had;
  const auto store = context.store();
  static std::int64_t word = 0;
  return {
      {"get_allocator", [&] { context.get_allocator(DeviceType::host); }},
      {"get_group_info", [&] { context.get_group_info(kWorld); }},
      {"set_group_info", [&] { context.set_group_info("new", 0, 1, make_hash_store()); }},
      {"end_group", [&] { context.end_group(kWorld); }},
      {"empty_strided_p2p", [&] { allocate(context); }},
      {"rendezvous", [&] { context.rendezvous(tensor, kWorld); }},
      {"get_symmetric_memory", [&] { context.get_symmetric_memory(tensor); }},
      {"register_buffer", [&] { context.register_buffer(&word, sizeof word, {}); }},
      {"put", [&] { memory.put(1, 0, &word, sizeof word); }},
      {"get", [&] { memory.get(1, 0, &word, sizeof word); }},
      {"put_with_signal", [&] { memory.put_with_signal(1, 0, &word, sizeof word, 0); }},
      {"fetch_add", [&] { memory.fetch_add<std::int64_t>(1, 0, 1); }},
      {"compare_swap", [&] { memory.compare_swap<std::int64_t>(1, 0, 0, 1); }},
      {"flush", [&] { memory.flush(); }},
      {"put_signal", [&] { memory.put_signal(1, 0); }},
      {"wait_signal", [&] { memory.wait_signal(1, 0); }},
      {"barrier", [&] { memory.barrier(); }},
      {"close", [&] { memory.close(); }},
      {"peer", [&] { memory.peer(1); }},
      {"explain", [&] { memory.explain(); }},
      {"store.set", [=] { store->set("child", "was here"); }},
      {"store.get", [=] { store->get("key"); }},
      {"local.set", [&] { local.set("child", "was here"); }},
      {"get_alloc_size", [&] { allocator.get_alloc_size(tensor.data()); }},
      {"is_rendezvous_completed", [&] { allocator.is_rendezvous_completed(tensor.data()); }},
      {"free", [&] { allocator.free(tensor.data()); }},
  };
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

}  // namespace

TEST_CASE("in a forked child every call is refused and ends nothing of the parent's") {
  run_ranks(2, [](RankProcess& self) {
    leaving_nothing([&] {
      auto context = std::make_optional<Context>();
      std::optional<Shared> shared(*context);
      if (self.rank == 0) {
        const auto allocator = context->get_allocator(DeviceType::host);
        const auto local = make_hash_store();
        const std::string wrong = in_child([&] {
          return not_refused(
              calls_of({*context, shared->tensor, *shared->memory, *allocator, *local}));
        });
        CHECK(wrong == "");
        // Destructors there must neither hang nor say goodbye in the parent's name.
        CHECK(in_child([&] {
                shared.reset();
                context.reset();
                return "ended";
              }) == "ended");
      }
      shared->memory->barrier();
      CHECK_FALSE(context->store()->check({"child"}));
      Shared after(*context);
      after.memory->close();
      shared->memory->close();
    });
  });
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
