# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Runs the built programs: the demo, the benchmarks, and the command that prints the options.

demo() {
  need_build_packages
  build release symmem_cli symmem_demo
  say "running the demo: four ranks on two simulated hosts"
  build/release/bin/symmem run -n 4 --nodes 2 build/release/bin/symmem_demo
  command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1 || return 0
  if ! build/release/bin/symmem info | grep -q cuda_ipc; then
    say "no demo of GPU memory: built without nvcc"
    return 0
  fi
  say "running the demo on GPU memory"
  build/release/bin/symmem run -n 4 --nodes 2 build/release/bin/symmem_demo cuda
}

bench() {
  local program
  need_build_packages
  build release
  for program in build/release/bin/bench_*; do
    say "${program##*/}"
    "$program" || [[ $? -eq 77 ]] # 77: skipped because there is no GPU.
  done
}

write_options_page() {
  need_build_packages
  build release symmem_cli
  build/release/bin/symmem info --options-markdown >build/options.md
  mv build/options.md docs/options.md
}
