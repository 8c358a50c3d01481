#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compiles users of symmem/device.cuh to PTX, as C++17, and checks the accesses to words of pads:
# system scope, release or acquire, and additions that return nothing. Kernels that only signal and
# wait must have no other access.
# usage: ptx.sh <nvcc> <source tree>
set -euo pipefail
nvcc=$1 tree=$2
[[ -x $nvcc ]] || { echo "skipped: no nvcc here ($nvcc)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

wrong() {
  echo "$*"
  failed=1
}

to_ptx() {
  "$nvcc" -std=c++17 -arch=compute_80 -Werror=all-warnings -I "$tree/include" -I "$tree/tests" \
    -ptx -o "$work/device.ptx" "$tree/tests/gpu/$1"
}
accesses() { grep -oE "^[[:space:]@%p0-9!]*($1)[a-z0-9_.]*" "$work/device.ptx" | awk '{print $NF}'; }

to_ptx test_kernels.cu
# Additions to counts at peers and polls of this rank's counts: at least one each, all of this kind.
[[ -n $(accesses 'red\.release\.sys') ]] || wrong "no addition with release at system scope"
[[ -n $(accesses 'ld\.acquire\.sys') ]] || wrong "no load with acquire at system scope"
while read -r access; do
  case "$access" in
  red.release.sys.*) ;;
  red.global.add.u32) ;;              # The tests count their errors.
  red.relaxed.gpu.global.max.u64) ;;  # Counters that no other GPU accesses.
  *) wrong "an addition: $access" ;;
  esac
done < <(accesses 'red\.')
while read -r access; do
  [[ $access == ld.acquire.sys.* ]] || wrong "a load with acquire: $access"
done < <(accesses 'ld\.acquire')
# Only the mark of a failure and the rollback of a wait are changed by compare-and-swap: no other
# GPU accesses these words.
while read -r access; do
  [[ $access == atom.*cas.b64 || $access == atom.global.add.u32 ]] || wrong "an atomic that returns: $access"
done < <(accesses 'atom\.')
while read -r access; do
  [[ $access == st.release.sys.* ]] || wrong "a store with release: $access"
done < <(accesses 'st\.release')

to_ptx signals_alone.cu
[[ -n $(accesses 'red\.release\.sys') ]] || wrong "kernels that signal have no release"
for access in st ld; do
  [[ -n $(accesses "$access\\.relaxed\\.sys\\.global\\.b128") ]] || wrong "no $access of a packet in one access"
done
while read -r access; do
  case "$access" in
  ld.param.*) ;;                        # The view.
  ld.global.nc.*) ;;                    # A table of pointers, which nobody writes.
  red.release.sys.global.* | ld.acquire.sys.global.*) ;;
  st.relaxed.sys.global.b128 | ld.relaxed.sys.global.b128) ;; # Packets: data and epoch in one.
  st.release.sys.u64) ;;                # The mark for the host.
  # This rank's own: counters, epochs, and the mark of a failure.
  ld.relaxed.gpu.global.u64 | st.relaxed.gpu.global.u64 | red.relaxed.gpu.global.max.u64) ;;
  atom.cas.b64 | atom.global.cas.b64) ;;
  *) wrong "an access that is neither ordered nor to this rank's own words: $access" ;;
  esac
done < <(accesses '(ld|ldu|st|red|atom|cp|multimem|tex|suld|sust|prefetch)[.u]' | sort -u)
exit "$failed"
