// SPDX-License-Identifier: Apache-2.0
#include "harness/progress.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <iostream>

namespace symmem::harness {
namespace {

struct Progress {
  const doctest::TestCaseData* test_case = nullptr;
  int calls = 0;
  int started = 0;
  int skipped = 0;
  std::atomic<bool> failed{false};  // Checks run on any thread.
};

Progress& progress() {
  static Progress the_one;
  return the_one;
}

/// A doctest reporter that records events and prints nothing.
class Listener : public doctest::IReporter {
 public:
  explicit Listener(const doctest::ContextOptions&) {}
  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_start(const doctest::TestCaseData& data) override {
    progress().test_case = &data;
    progress().calls = 0;
    ++progress().started;
  }
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats&) override {}
  void test_case_exception(const doctest::TestCaseException&) override { progress().failed = true; }
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData& data) override {
    if (data.m_failed && (data.m_at & doctest::assertType::is_warn) == 0) progress().failed = true;
  }
  void log_message(const doctest::MessageData& data) override {
    if ((data.m_severity & doctest::assertType::is_warn) == 0) progress().failed = true;
  }
  void test_case_skipped(const doctest::TestCaseData&) override {}
};

REGISTER_LISTENER("symmem_harness", 1, Listener);

/// Escapes backslashes and commas. doctest splits filters at commas.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == ',' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

}  // namespace

std::string current_test_filter() { return "--test-case=" + escaped(progress().test_case->m_name); }

std::string current_file_filter() {
  return "--source-file=" + escaped(progress().test_case->m_file.c_str());
}

bool anything_failed() { return progress().failed; }

int next_call() { return ++progress().calls; }

void skip(const std::string& reason) {
  ++progress().skipped;
  std::cout << "SKIPPED: " << progress().test_case->m_name << ": " << reason << '\n' << std::flush;
}

int exit_code(int result) {
  const bool all_skipped = progress().skipped > 0 && progress().skipped == progress().started;
  return result == 0 && all_skipped ? 77 : result;
}

}  // namespace symmem::harness
