// SPDX-License-Identifier: Apache-2.0
// Linked into every program of a build with sanitizers. Sanitizers guess the address of
// thread-local memory of libraries that are opened at run time (UCX). A wrong guess ends the
// process: LSan by SIGSEGV, TSan by a request for terabytes. CUDA maps memory where ASan keeps its
// shadow gap.
extern "C" {
const char* __asan_default_options();
const char* __tsan_default_options();

const char* __asan_default_options() { return "intercept_tls_get_addr=0:protect_shadow_gap=0"; }
const char* __tsan_default_options() { return "intercept_tls_get_addr=0"; }
}
