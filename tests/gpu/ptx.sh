#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compiles the kernels in two files to PTX, as C++17, and checks the accesses of symmem/device.cuh
# to the words of signal pads. These accesses must have system scope and release or acquire
# semantics, and additions must not return a value. Kernels that only signal and wait must have no
# other access.
# usage: ptx.sh <nvcc> <source tree>
set -euo pipefail
nvcc=$1 tree=$2
[[ -x $nvcc ]] || { echo "skipped: $nvcc is not an executable"; exit 77; }
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
# The code must contain additions to the peers' counts and polls of this rank's counts, with these
# instructions only.
[[ -n $(accesses 'red\.release\.sys') ]] || wrong "no addition with release at system scope"
[[ -n $(accesses 'ld\.acquire\.sys') ]] || wrong "no load with acquire at system scope"
while read -r access; do
  case "$access" in
  red.release.sys.*) ;;
  red.global.add.u32) ;;              # The tests count errors with this instruction.
  red.relaxed.gpu.global.max.u64) ;;  # Used for counters that no other GPU accesses.
  *) wrong "unexpected addition: $access" ;;
  esac
done < <(accesses 'red\.')
while read -r access; do
  [[ $access == ld.acquire.sys.* ]] || wrong "unexpected load with acquire: $access"
done < <(accesses 'ld\.acquire')
# Compare-and-swap is used only for the failure mark and for the rollback of a wait. No other GPU
# accesses these words.
while read -r access; do
  [[ $access == atom.*cas.b64 || $access == atom.global.add.u32 ]] || wrong "unexpected atomic: $access"
done < <(accesses 'atom\.')
while read -r access; do
  [[ $access == st.release.sys.* ]] || wrong "unexpected store with release: $access"
done < <(accesses 'st\.release')

to_ptx signals_alone.cu
[[ -n $(accesses 'red\.release\.sys') ]] || wrong "no addition with release in kernels that signal"
for access in st ld; do
  [[ -n $(accesses "$access\\.relaxed\\.sys\\.global\\.b128") ]] || wrong "no 16-byte $access for packets"
done
while read -r access; do
  case "$access" in
  ld.param.*) ;;                        # Loads the view.
  ld.global.nc.*) ;;                    # Loads a table of pointers, which is constant.
  red.release.sys.global.* | ld.acquire.sys.global.*) ;;
  st.relaxed.sys.global.b128 | ld.relaxed.sys.global.b128) ;; # Packets in one access.
  st.release.sys.u64) ;;                # Stores the failure mark for the host.
  # Accesses to this rank's counters, epochs and failure mark.
  ld.relaxed.gpu.global.u64 | st.relaxed.gpu.global.u64 | red.relaxed.gpu.global.max.u64) ;;
  atom.cas.b64 | atom.global.cas.b64) ;;
  *) wrong "unexpected access in kernels that only signal and wait: $access" ;;
  esac
done < <(accesses '(ld|ldu|st|red|atom|cp|multimem|tex|suld|sust|prefetch)[.u]' | sort -u)
exit "$failed"
