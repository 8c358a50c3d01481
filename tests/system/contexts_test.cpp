// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/unique_handle.hpp"
#include "harness/progress.hpp"
#include "symmem/extend/allocator.hpp"
#include "symmem/extend/store.hpp"
#include "system/system.hpp"

using namespace symmem;
using namespace symmem::harness;

namespace {

TcpStoreOptions standalone(const std::string& host) {
  TcpStoreOptions options;
  options.host = host;
  return options;
}

/// Joins `count` ranks, as threads, through the store at `url`. Returns each rank's Error.
std::vector<std::optional<Error>> join_at(const std::string& url, int count,
                                          const std::function<void(Options&)>& adjust = {}) {
  return errors_of_threads(count, [&](int rank) {
    Options options = options_of(rank, count);
    options.store = url;
    if (adjust) adjust(options);
    Context context(options);
    const auto buffer = allocate(context, 64);
    const auto memory = context.rendezvous(buffer);
    check_ring(*memory);
    memory->close();
  });
}

/// A store that an application may write: has only the functions that a Context needs, no
/// key-value service.
class OwnStore : public Store {
 public:
  Membership join(const JoinRequest& request, std::shared_ptr<GroupListener> listener,
                  Timeout timeout) override {
    return store_->join(request, std::move(listener), timeout);
  }
  std::vector<std::string> gather(const Membership& group, const std::string& key,
                                  const std::string& value, Timeout timeout) override {
    return store_->gather(group, key, value, timeout);
  }
  void end(const Membership& group, Timeout timeout) override { store_->end(group, timeout); }
  void leave(const Membership& group) override { store_->leave(group); }

 private:
  const std::shared_ptr<Store> store_ = make_hash_store();
};

bool has_ipv6() {
  const Fd socket(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 loopback{};
  loopback.sin6_family = AF_INET6;
  loopback.sin6_addr = in6addr_loopback;
  return socket &&
         ::bind(socket.get(), reinterpret_cast<sockaddr*>(&loopback), sizeof loopback) == 0;
}

}  // namespace

TEST_CASE("a Context returns its store") {
  const StoreServer server(standalone("127.0.0.1"), StoreServer::Serves::any_job);
  Options options = options_of(0, 1);
  options.store = server.url() + "/one";
  Context context(options);
  CHECK(context.get_group_info(kWorld).store == context.store());
  context.store()->set("key", "value");
  CHECK(context.store()->get("key") == "value");
}

TEST_CASE("ranks that are threads join through a TCP store, several jobs one after the other") {
  const StoreServer server(standalone("127.0.0.1"), StoreServer::Serves::any_job);
  check_none(join_at(server.url() + "/one", 4));
  check_none(join_at(server.url() + "/two", 2));
  check_none(join_at(server.url() + "/one", 3));
}

TEST_CASE("ranks join the world and groups through a Store that the application implements") {
  const auto store = std::make_shared<OwnStore>();
  check_none(errors_of_threads(3, [&](int rank) {
    Context context(options_of(rank, 3), store);
    CHECK(context.get_group_info(kWorld).store == store);
    check_error([&] { context.store(); }, Errc::unsupported, {"a store of the application"});
    context.set_group_info("reversed", 2 - rank, 3, store);
    const auto buffer = allocate(context, 64);
    for (const char* group : {kWorld, "reversed"}) check_ring(*context.rendezvous(buffer, group));
    context.end_group("reversed");
    context.end_group(kWorld);
  }));
}

TEST_CASE("two jobs that use one store at the same time do not affect each other") {
  const StoreServer server(standalone("127.0.0.1"), StoreServer::Serves::any_job);
  const auto errors = errors_of_threads(2, [&](int job) {
    check_none(join_at(server.url() + "/job" + std::to_string(job), 2 + job));
  });
  check_none(errors);
}

TEST_CASE("ranks join through a store at an IPv6 address") {
  if (!has_ipv6()) return skip("this host has no IPv6 loopback address");
  const StoreServer server(standalone("::1"), StoreServer::Serves::any_job);
  CHECK(server.url().find("[::1]") != std::string::npos);
  check_none(join_at(server.url() + "/six", 3));
}

TEST_CASE("two processes with the same rank get an error that names both processes") {
  // The store outlives the ranks: both duplicates may have left before rank 0 joins.
  const auto nothing = [](Context&) {};
  const auto errors = errors_of_ranks(3, nothing, [](Options& options) {
    if (options.rank == 2) options.rank = 1;
  });
  for (const auto& error : errors)
    check_error(error, Errc::invalid_argument, {"join", "rank 1", "pid", "and"});
}

TEST_CASE("if world sizes differ, every rank gets an error") {
  leaving_nothing([] {
    const auto nothing = [](Context&) {};
    const auto errors = errors_of_ranks(3, nothing, [](Options& options) {
      if (options.rank == 2) options.world_size = 4;
    });
    for (const auto& error : errors)
      check_error(error, Errc::invalid_argument, {"join", "3", "4", "rank 2"});
  });
}

TEST_CASE("a rank out of range is refused before it connects") {
  Options options = options_of(5, 3);
  check_error([&] { Context context(options); }, Errc::invalid_argument, {"rank 5", "3"});
  options = options_of(0, 2);
  options.store.clear();
  check_error([&] { Context context(options); }, Errc::invalid_argument, {"SYMMEM_STORE"});
}

TEST_CASE("a Context with the caller's Store returns its rank, size and options; store() throws") {
  run_threads(
      2,
      [](Context& context) {
        CHECK(context.world_size() == 2);
        CHECK(context.get_group_info(kWorld).rank == context.rank());
        check_error([&] { context.store(); }, Errc::unsupported, {"a store of the application"});
        CHECK(context.local_rank() == 10 + context.rank());
        CHECK(context.options().channels == 3);
        const auto buffer = allocate(context, 8);
        const auto memory = context.rendezvous(buffer);
        CHECK(memory->channels() == 3);
        memory->barrier(2);
        check_error([&] { memory->barrier(3); }, Errc::invalid_argument, {"0 to 2"});
        memory->close();
      },
      [](Options& options) {
        options.channels = 3;
        options.local_rank = 10 + *options.rank;
      });
}

TEST_CASE("several Contexts in one process work at the same time in different jobs") {
  const auto stores = {make_hash_store(), make_hash_store(), make_hash_store()};
  const auto errors = errors_of_threads(2, [&](int rank) {
    std::vector<std::unique_ptr<Context>> contexts;
    for (const auto& store : stores)
      contexts.push_back(std::make_unique<Context>(options_of(rank, 2), store));
    std::vector<Buffer<>> buffers;
    std::vector<std::shared_ptr<SymmetricMemory>> memories;
    for (const auto& context : contexts) {
      buffers.push_back(allocate(*context, 64));
      memories.push_back(context->rendezvous(buffers.back()));
    }
    for (const auto& memory : memories) check_ring(*memory);
    // One Context does not find an allocation of another.
    check_error(
        [&] { contexts[1]->get_allocator(DeviceType::host)->get_alloc_size(buffers[0].data()); },
        Errc::invalid_argument);
    // Contexts may end in any order.
    memories[1]->barrier();
    contexts[1].reset();
    check_ring(*memories[2]);
    memories[2]->barrier();
  });
  check_none(errors);
}

TEST_CASE("a Context opens /dev/null at descriptors 0 to 2 if they are closed") {
  run_ranks(1, [](RankProcess&) {
    std::vector<Fd> kept;
    for (int fd = 0; fd <= 2; ++fd) {
      kept.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
      ::close(fd);
    }
    struct stat null {
    }, there[3] = {};
    {
      Context context(options_of(0, 1));
      const auto buffer = allocate(context, 64);
      const auto memory = context.rendezvous(buffer);
      for (int fd = 0; fd <= 2; ++fd) ::fstat(fd, &there[fd]);
    }
    for (int fd = 0; fd <= 2; ++fd) ::dup2(kept[static_cast<std::size_t>(fd)].get(), fd);
    REQUIRE(::stat("/dev/null", &null) == 0);
    for (const struct stat& one : there) {
      CHECK(S_ISCHR(one.st_mode));
      CHECK(one.st_rdev == null.st_rdev);
    }
  });
}

TEST_CASE("sixteen ranks in one process work") {
  run_threads(16, [](Context& context) {
    const auto buffer = allocate(context, 64);
    const auto memory = context.rendezvous(buffer);
    for (int i = 0; i < 3; ++i) check_ring(*memory);
    memory->close();
  });
}
