// SPDX-License-Identifier: Apache-2.0
#include "faults/faults.hpp"

using namespace symmem;
using namespace symmem::faults;

namespace {

constexpr const char* kRight = "open-sesame-4711";
constexpr const char* kWrong = "open-barley-0815";

/// Joins a job of two ranks with different secrets, where rank 0 hosts the store. Returns the
/// error.
std::string join_with(RankProcess& self, const char* of_host, const char* of_guest, Errc code,
                      const std::vector<std::string>& parts) {
  Options options = Options::from_env();
  // Rank 0 waits for rank 1, which is refused, until this timeout.
  if (self.rank == 0) options.timeout = std::chrono::seconds(5);
  options.store = agree_on_url(self, self.rank);
  options.secret = self.rank == 0 ? of_host : of_guest;
  const std::string text = check_error(code, parts, [&] { Context context(options); });
  for (const char* secret : {kRight, kWrong}) CHECK(text.find(secret) == std::string::npos);
  return text;
}

/// Checks that rank 1 is refused for `reason` and that rank 0 then reports it as missing.
void refuse_guest(const char* of_host, const char* of_guest, const char* reason) {
  Ranks ranks(2, [=](RankProcess& self) {
    leaving_nothing([&] {
      if (self.rank == 1)
        join_with(self, of_host, of_guest, Errc::refused, {"the store at tcp://", reason});
      else
        join_with(self, of_host, of_guest, Errc::timeout, {"rank 1 (never joined)"});
    });
  });
  for (int rank = 0; rank < 2; ++rank) {
    const harness::RankEnd got = ranks.wait(rank);
    CHECK_MESSAGE(!got.end.failed(), got.output);
    CHECK(got.output.find("sesame") == std::string::npos);
    CHECK(got.output.find("barley") == std::string::npos);
  }
}

}  // namespace

TEST_CASE("only a rank with a different secret is refused, and at once") {
  refuse_guest(kRight, kWrong, "has a different secret from this process");
}

TEST_CASE("a rank without the secret is refused at once, and the error names the option") {
  refuse_guest(kRight, "", "SYMMEM_SECRET_FILE");
}

TEST_CASE("a rank with a secret refuses a store without one") {
  refuse_guest("", kRight, "has no secret but this process has one");
}

TEST_CASE("ranks with the same secret join one job") {
  run_ranks(2, [](RankProcess& self) {
    Options options = Options::from_env();
    options.store = agree_on_url(self, self.rank);
    options.secret = kRight;
    leaving_nothing([&] {
      Context context(options);
      Shared shared(context);
      shared.memory->barrier();
    });
  });
}
