#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compiles what uses symmem/device.cuh as C++17 to PTX, and checks how it accesses the words of
# pads: at system scope, with release or acquire, and by additions that return nothing. In kernels
# that only signal and wait no access of another kind may be.
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

to_ptx kernels.cu
# Additions to counts of peers, and looks at our own: there must be some, and all of this kind.
[[ -n $(accesses 'red\.release\.sys') ]] || wrong "no addition with release at system scope"
[[ -n $(accesses 'ld\.acquire\.sys') ]] || wrong "no load with acquire at system scope"
# The tests count their errors by a plain red of 32 bits.
while read -r access; do
  # What a rank has consumed is its own: raised at the scope of its GPU.
  [[ $access == red.release.sys.* || $access == red.global.add.u32 ||
    $access == red.relaxed.gpu.global.max.u64 ]] || wrong "an addition: $access"
done < <(accesses 'red\.')
while read -r access; do
  [[ $access == ld.acquire.sys.* ]] || wrong "a load with acquire: $access"
done < <(accesses 'ld\.acquire')
# One word is changed by compare-and-swap: the mark of a failure, which is this GPU's own.
while read -r access; do
  [[ $access == atom.*cas.b64 || $access == atom.global.add.u32 ]] || wrong "an atomic that returns: $access"
done < <(accesses 'atom\.')
while read -r access; do
  [[ $access == st.release.sys.* ]] || wrong "a store with release: $access"
done < <(accesses 'st\.release')

to_ptx signals_alone.cu
[[ -n $(accesses 'red\.release\.sys') ]] || wrong "kernels that signal do not"
for access in st ld; do
  [[ -n $(accesses "$access\\.relaxed\\.sys\\.global\\.b128") ]] || wrong "no $access of a packet as one"
done
while read -r access; do
  case "$access" in
  ld.param.*) ;;                        # The view.
  ld.global.nc.*) ;;                    # A table of pointers, which nobody writes.
  red.release.sys.global.* | ld.acquire.sys.global.*) ;;
  st.relaxed.sys.global.b128 | ld.relaxed.sys.global.b128) ;; # Packets: data and epoch in one.
  st.release.sys.u64) ;;                # The mark for the host.
  # What is this rank's own: what it consumed, its epochs, and whether it has failed.
  ld.relaxed.gpu.global.u64 | st.relaxed.gpu.global.u64 | red.relaxed.gpu.global.max.u64) ;;
  atom.cas.b64 | atom.global.cas.b64) ;;
  *) wrong "an access that is neither ordered nor to what is this rank's own: $access" ;;
  esac
done < <(accesses '(ld|ldu|st|red|atom|cp|multimem|tex|suld|sust|prefetch)[.u]' | sort -u)
exit "$failed"
