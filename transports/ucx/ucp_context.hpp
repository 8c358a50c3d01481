// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "symmem/options.hpp"
#include "ucx/library.hpp"

namespace symmem::ucx {

/// A UCP context, configured for symmem.
class UcpContext {
 public:
  /// Throws Refusal if UCX cannot be used on this host.
  UcpContext(const Library& library, const Options& options);
  ~UcpContext() { ucp_.cleanup(context_); }
  UcpContext(const UcpContext&) = delete;
  UcpContext& operator=(const UcpContext&) = delete;

  ucp_context_h get() const { return context_; }

 private:
  const Library& ucp_;
  ucp_context_h context_ = nullptr;
};

}  // namespace symmem::ucx
