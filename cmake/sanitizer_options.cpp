// SPDX-License-Identifier: Apache-2.0
// In every program of a build with sanitizers. They guess where the thread-local memory of libraries
// opened at run time lies (UCX is one). In some memory layouts they guess wrong: LSan then ends the
// process by SIGSEGV, and TSan asks for terabytes. CUDA maps memory where ASan keeps a gap.
extern "C" {
const char* __asan_default_options();
const char* __tsan_default_options();

const char* __asan_default_options() { return "intercept_tls_get_addr=0:protect_shadow_gap=0"; }
const char* __tsan_default_options() { return "intercept_tls_get_addr=0"; }
}
