// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstdlib>
#include <mutex>

#include "base/check.hpp"
#include "context/context_impl.hpp"
#include "options/options.hpp"
#include "symmem/torch_compat.hpp"

namespace symmem {

/// Creates the default Context and joins it to the job. This object and the Context are never
/// destroyed, because static objects of the application may use the Context while the process
/// exits.
class DefaultContext {
 public:
  static DefaultContext& instance() {
    static auto* const instance = new DefaultContext;
    return *instance;
  }

  Context& get() {
    if (Context* context = context_.load()) return *context;
    const std::lock_guard lock(mutex_);
    return make(nullptr);
  }
  Context& join(const Options* options) {
    const std::lock_guard lock(mutex_);
    require(options == nullptr || context_.load() == nullptr, Errc::invalid_argument,
            "init: the default Context exists already, and its options cannot change; call "
            "init(options) before every other free function, and init() to join again");
    Context& context = make(options);
    if (!context.impl_->joined()) context.impl_->join(nullptr);
    return context;
  }
  bool finalizing() const { return finalizing_.load(); }

 private:
  /// The caller must hold mutex_.
  Context& make(const Options* options) {
    if (context_.load() == nullptr) {
      const Options chosen = options != nullptr ? *options : Options::from_env();
      check_options(chosen);
      context_.store(new Context(std::make_unique<Context::Impl>(chosen)));
      // Register finalize() after the Context was constructed, so that it runs before the exit
      // handlers of the Context's parts.
      std::atexit([] { instance().finalize(); });
    }
    return *context_.load();
  }
  /// Leaves the groups and stops the threads. Frees nothing.
  void finalize() {
    finalizing_.store(true);
    if (Context* context = context_.load()) context->impl_->end();
  }

  std::mutex mutex_;  ///< Held while the Context is constructed or joins.
  std::atomic<Context*> context_{nullptr};
  std::atomic<bool> finalizing_{false};
};

Context& default_context() { return DefaultContext::instance().get(); }
Context& init() { return DefaultContext::instance().join(nullptr); }
Context& init(const Options& options) { return DefaultContext::instance().join(&options); }
bool is_finalizing() { return DefaultContext::instance().finalizing(); }

}  // namespace symmem
