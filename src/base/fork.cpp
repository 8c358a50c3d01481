// SPDX-License-Identifier: Apache-2.0
#include "base/fork.hpp"

#include <pthread.h>

#include <atomic>

#include "base/check.hpp"

namespace symmem {
namespace {

/// How many forks lie between the first process and this one. A property of the process like its
/// pid (which would cost a system call to ask for), so not state of ours to be owned by a Context.
/// Written only in a new child, which has one thread then.
std::atomic<unsigned> generation{0};

}  // namespace

ForkGuard::ForkGuard() {
  static const int registered = ::pthread_atfork(
      nullptr, nullptr, [] { generation.fetch_add(1, std::memory_order_relaxed); });
  require(registered == 0, Errc::exhausted, "pthread_atfork: out of memory");
  generation_ = generation.load(std::memory_order_relaxed);
}

bool ForkGuard::forked() const { return generation.load(std::memory_order_relaxed) != generation_; }

void ForkGuard::check() const {
  if (forked()) [[unlikely]]
    fail(
        Errc::finished,
        "symmem was used in a child made by fork(); make a new Context there, or start the program "
        "anew by exec");
}

}  // namespace symmem
