# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Runs the tests, the demo and the benchmarks of GPU memory as separate steps.

gpu_count() { nvidia-smi -L | grep -c '^GPU'; }

# Runs the demo on one host and on two simulated hosts.
gpu_demo() {
  local run=build/release/bin/symmem demo=build/release/bin/symmem_demo
  "$run" run -n 2 "$demo" cuda && "$run" run -n 4 --nodes 2 "$demo" cuda
}

# Runs a few small tests, with their ranks, under compute-sanitizer. Excludes UCX, because the tool
# reports failed CUDA calls of UCX that are expected. Omits racecheck, because the kernels use no
# shared memory.
gpu_sanitizer() {
  local tool check status=0
  local tests='a Barrier that times out*,puts of every size*,all-to-all packets*'
  tests+=',memory from cudaMalloc can be shared from*,a wait for a packet*'
  tool="$(command -v compute-sanitizer || echo /usr/local/cuda/bin/compute-sanitizer)"
  [[ -x $tool ]] || { say "compute-sanitizer not found"; return 77; }
  for check in memcheck synccheck; do
    SYMMEM_TRANSPORTS=cuda_ipc "$tool" --tool $check --target-processes all --error-exitcode 9 \
      build/release/bin/gpu_tests --test-case="$tests" || status=$?
  done
  return $status
}

# With one GPU the multi-process service lets ranks share the GPU; with several GPUs some benchmarks
# use more ranks than GPUs.
gpu_bench() {
  if (($(gpu_count) > 1)); then
    build/release/bin/bench_gpu && with_mps build/release/bin/bench_gpu --only ranks
  else
    with_mps build/release/bin/bench_gpu
  fi
}

gpu_peers() {
  (($(gpu_count) > 1)) || { say "one GPU: no comparison with PyTorch"; return 77; }
  python3 -c 'import torch' 2>/dev/null || { say "python3 with torch not found"; return 77; }
  python3 bench/peers/torch_symm_mem.py
}

# Runs the tests with label cuda, except tests that also have label $1. Several tests run at once,
# because most tests wait for processes to start; ctest counts each test as two processors. Fails if
# all tests were skipped.
gpu_tests() {
  local log status=0 several=$(($(nproc) < 16 ? $(nproc) / 2 + 1 : 8))
  log="$(mktemp)"
  ctest --preset release -L cuda -LE "alone${1:+|$1}" --parallel $several | tee "$log" || status=$?
  ctest --preset release -L alone --parallel 1 | tee -a "$log" || status=$?
  grep -q ' Passed ' "$log" || { say "no test of GPU memory ran" && status=1; }
  rm -f "$log"
  return $status
}

# gpu_step <name>
gpu_step() {
  case $1 in
  tests) step "tests of GPU memory" gpu_tests ;;
  mps) step "tests under the multi-process service" with_mps gpu_tests kills ;;
  ptx) step "PTX code of kernels that signal" ctest --preset release -R '^gpu_ptx$' ;;
  demo) step "the demo" gpu_demo ;;
  sanitizer) step "compute-sanitizer" gpu_sanitizer ;;
  bench)
    step "bench_gpu" gpu_bench
    step "PyTorch's symmetric memory and NCCL" gpu_peers
    ;;
  esac
}

# gpu [prefix of a UCX with CUDA]. SKIP_BUILD=1 uses the existing build in build/release. GPU_STEPS
# selects steps. Installs no packages if a prefix is given.
gpu() {
  local prefix="" name steps all="tests mps ptx demo sanitizer bench"
  read -ra steps <<<"${GPU_STEPS:-$all}"
  [[ ${#steps[@]} -gt 0 ]] || die "GPU_STEPS names no step"
  for name in "${steps[@]}"; do
    [[ " $all " == *" $name "* ]] || die "GPU_STEPS: unknown step '$name'; steps: $all"
  done
  if [[ -n $1 ]]; then
    [[ -e $1/lib/libucp.so.0 && -d $1/include/ucp ]] ||
      die "$1 is not a prefix of UCX: lib/libucp.so.0 or include/ucp is missing"
    prefix="$(cd "$1" && pwd)"
  fi
  command -v nvidia-smi >/dev/null || die "nvidia-smi not found: check that a GPU and its driver are installed"
  nvidia-smi -L
  set_configure_options -DSYMMEM_CUDA=ON
  if [[ -n $prefix ]]; then
    export SYMMEM_UCX_LIBRARY="$prefix/lib/libucp.so.0"
    set_configure_options -DSYMMEM_CUDA=ON "-DSYMMEM_UCX_INCLUDE=$prefix/include"
  else
    need_build_packages
  fi
  [[ -n ${SKIP_BUILD:-} ]] || build release
  for name in "${steps[@]}"; do gpu_step "$name"; done
  sum_up
}
