// SPDX-License-Identifier: Apache-2.0
#include "base/fork.hpp"

#include <pthread.h>

#include <atomic>

#include "base/check.hpp"

namespace symmem {
namespace {

/// Number of forks between the process that constructed the first ForkGuard and this process. Like
/// a pid, the number differs between a child and its parent, but no system call is needed to read
/// it. Only a new child writes it, while the child has one thread.
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
    fail(Errc::finished,
         "symmem was used in a child made by fork(); make a new Context in the child, or start the "
         "program with exec");
}

}  // namespace symmem
