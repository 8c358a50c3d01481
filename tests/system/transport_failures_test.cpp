// SPDX-License-Identifier: Apache-2.0
// Tests transports that refuse or fail: another transport replaces them, or every rank gets an
// error.
#include "system/registered_transport.hpp"

using namespace symmem;
using namespace symmem::harness;

TEST_CASE("if a transport refuses, the next transport is used and the route has the reason") {
  const auto check_route = [](const std::function<void(LocalTransport&)>& adjust,
                              const std::string& reason) {
    run_threads(
        2,
        [&](Context& context) {
          add_mine(context, adjust);
          // The small buffer shares a block; the large buffer has its own block.
          for (const std::size_t bytes : {64, 5 << 20}) {
            const auto memory = use(context, bytes);
            const Route& route = memory->route(1 - context.rank());
            CHECK(route.transport == "shm");
            REQUIRE(route.refused.size() == 1);
            CHECK(route.refused[0].transport == "mine");
            CHECK(route.refused[0].reason == reason);
            CHECK(memory->explain().find("mine refused: " + reason) != std::string::npos);
            memory->close();
          }
        },
        kMineFirst);
  };
  check_route(
      [](LocalTransport& transport) { transport.before_attach = [](int) { return "no way"; }; },
      "no way");
  check_route(
      [](LocalTransport& transport) { transport.before_export = [] { return "not mine"; }; },
      "the peer does not export: not mine");
}

TEST_CASE("if one rank of a pair cannot attach, both ranks use the next transport") {
  const auto counts = std::make_shared<Counts>();
  run_threads(
      3,
      [&](Context& context) {
        add_mine(context, [&](LocalTransport& transport) {
          transport.counts = counts;
          // Rank 0 cannot attach rank 2, but rank 2 can attach rank 0.
          if (context.rank() == 0)
            transport.before_attach = [](int peer) { return peer == 2 ? "too far" : ""; };
        });
        const auto memory = use(context);
        const auto transport_to = [&](int rank) { return memory->route(rank).transport; };
        if (context.rank() == 0) CHECK((transport_to(1) == "mine" && transport_to(2) == "shm"));
        if (context.rank() == 1) CHECK((transport_to(0) == "mine" && transport_to(2) == "mine"));
        if (context.rank() == 2) CHECK((transport_to(0) == "shm" && transport_to(1) == "mine"));
        if (context.rank() == 2)
          CHECK(memory->route(0).refused[0].reason == "rank 0 could not attach: too far");
        await_all(context, "routes");
        // Rank 2 has detached from rank 0: two pairs remain, with two attachments on each rank.
        CHECK(counts->living_attachments == 4 * 2);
        await_all(context, "counted");
        memory->close();
      },
      kMineFirst);
}

TEST_CASE("if attach throws on one rank, every rank gets the same error and nothing leaks") {
  std::vector<std::optional<Error>> errors(3);
  const auto counts = std::make_shared<Counts>();
  run_threads(
      3,
      [&](Context& context) {
        bool broken = true;
        add_mine(context, [&](LocalTransport& transport) {
          transport.counts = counts;
          transport.before_attach = [&](int peer) -> std::string {
            if (broken && context.rank() == 1 && peer == 2)
              throw Error(Errc::exhausted, "out of mappings");
            return "";
          };
        });
        await_all(context, "start");
        const Resources before = Resources::now();
        await_all(context, "measured");
        {
          const Tensor tensor = bytes_tensor(context, 64);
          errors[static_cast<std::size_t>(context.rank())] =
              error_of([&] { rendezvous(context, tensor); });
          check_error([&] { get_symmetric_memory(context, tensor); }, Errc::invalid_argument);
        }
        await_all(context, "failed");
        CHECK(counts->living_attachments == 0);
        CHECK(counts->living_exports == 0);
        // The group keeps the blocks of buffers and pads.
        const std::string changes = before.changes();
        CHECK(changes.find("socket") == std::string::npos);
        CHECK(changes.find("thread") == std::string::npos);
        await_all(context, "checked");
        broken = false;
        use(context)->close();
      },
      kMineFirst);
  check_alike(errors, Errc::exhausted,
              {"rendezvous of group \"world\"", "failed on all 3 ranks", "rank 1 (host",
               "attach rank 2 (host", "by mine", "out of mappings"});
}

TEST_CASE("if a transport throws another type than Error, every rank gets the same error") {
  const auto fail_by = [](const LocalTransport::Hook& hook, const std::string& text) {
    for (const std::size_t bytes : {64, 5 << 20}) {
      const auto errors = errors_of_ranks(
          2,
          [&](Context& context) {
            add_mine(context, [&](LocalTransport& transport) {
              if (context.rank() == 0) transport.before_export = hook;
            });
            use(context, bytes);
          },
          kMineFirst);
      check_alike(errors, Errc::internal, {"rank 0 (host", text});
    }
  };
  fail_by([]() -> std::string { throw std::runtime_error("oops"); }, "oops");
  fail_by([]() -> std::string { throw 42; }, "not a std::exception");
}

TEST_CASE("if a handle is too large to gather, every rank gets the same error") {
  for (const std::size_t bytes : {64, 5 << 20}) {
    const auto errors = errors_of_ranks(
        2,
        [&](Context& context) {
          add_mine(context, [&](LocalTransport& transport) {
            if (context.rank() == 0) transport.padding = 2 << 20;
          });
          use(context, bytes);
        },
        kMineFirst);
    check_alike(errors, Errc::invalid_argument,
                {"rank 0 (host", "transport mine", "a handle has 2097"});
  }
}

TEST_CASE("if no transport connects some pairs, every rank gets the same error with all reasons") {
  const auto use_broken = [](Context& context) {
    add_mine(context, [&](LocalTransport& transport) {
      transport.before_attach = [](int) { return "out of order"; };
    });
    use(context);
  };
  check_alike(
      errors_of_ranks(3, use_broken, transports({"mine"})), Errc::unsupported,
      {"3 pairs of ranks have no transport", "rank 0 (host", "rank 2 (host", "mine: out of order"});
  const auto apart = [](Options& options) {
    options.host_id = options.rank == 0 ? "here" : "there";
    options.transports = {"shm", "mine"};
  };
  check_alike(
      errors_of_ranks(3, use_broken, apart), Errc::unsupported,
      {"2 pairs of ranks", "shm: another host (id there, here here)", "mine: out of order"});
  check_alike(errors_of_ranks(
                  2, [](Context& context) { use(context); }, transports({"^shm", "^ucx"})),
              Errc::unsupported, {"no transport supports memory on host", "SYMMEM_TRANSPORTS"});
}

TEST_CASE("if a transport gives no reason for a refusal, the error says so") {
  class Mute : public LocalTransport {
   public:
    using LocalTransport::LocalTransport;
    Offer<Export> export_block(const std::shared_ptr<Block>&) override { return {}; }
  };
  const auto errors = errors_of_ranks(
      2,
      [](Context& context) {
        context.register_transport(DeviceType::host, std::make_shared<Mute>("mine"));
        use(context);
      },
      transports({"mine"}));
  check_alike(errors, Errc::unsupported,
              {"mine: the peer does not export: refused without a reason"});
}

TEST_CASE("a block smaller than the peer announced is refused") {
  const auto errors = errors_of_ranks(
      2,
      [](Context& context) {
        class Shrinking : public LocalTransport {
         public:
          using LocalTransport::LocalTransport;
          class Small : public Attachment {
           public:
            explicit Small(std::shared_ptr<Attachment> inner) : inner_(std::move(inner)) {}
            std::byte* pointer() const override { return inner_->pointer(); }
            std::size_t bytes() const override { return 16; }

           private:
            std::shared_ptr<Attachment> inner_;
          };
          Offer<Attachment> attach(const PeerInfo& peer, const BlockId& block,
                                   std::string_view handle,
                                   std::chrono::milliseconds timeout) override {
            auto offer = LocalTransport::attach(peer, block, handle, timeout);
            return {std::make_shared<Small>(std::move(offer.value)), {}};
          }
        };
        context.register_transport(DeviceType::host, std::make_shared<Shrinking>("mine"));
        use(context);
      },
      transports({"mine"}));
  check_alike(errors, Errc::invalid_argument, {"announced 64 bytes", "has 16 bytes"});
}
