// SPDX-License-Identifier: Apache-2.0
// This file is linked into every program of a build with sanitizers. intercept_tls_get_addr=0:
// sanitizers guess the address of the thread-local memory of libraries that are loaded at run time
// (UCX), and a wrong guess ends the process: LSan by SIGSEGV, TSan by a request for terabytes.
// protect_shadow_gap=0: CUDA maps memory in the shadow gap of ASan.
extern "C" {
const char* __asan_default_options();
const char* __tsan_default_options();

const char* __asan_default_options() { return "intercept_tls_get_addr=0:protect_shadow_gap=0"; }
const char* __tsan_default_options() { return "intercept_tls_get_addr=0"; }
}
