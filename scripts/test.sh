# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Runs the tests of a preset.

# Downloads a second, newer UCX from the Python package libucx-cu13, and prints the path of its
# libucp.
newer_ucx() {
  local dir=$PWD/build/ucx-1.22
  local library=$dir/libucx/lib/libucp.so.0
  if [[ ! -e $library && $(uname -m) == x86_64 ]]; then
    rm -rf "$dir" && mkdir -p "$dir"
    if python3 -m pip download -q --no-deps --only-binary=:all: -d "$dir" libucx-cu13==1.22.0 \
      >/dev/null 2>&1 && python3 -m zipfile -e "$dir"/*.whl "$dir"; then
      # Two thirds of the package are needed for static linking only.
      find "$dir" \( -name '*.a' -o -name '*.la' -o -name '*.whl' \) -delete
    else
      rm -rf "$dir"
    fi
  fi
  [[ -e $library ]] && echo "$library"
}

# Runs the tests of a preset. With preset release, the fastest, also repeats the tests with label
# network with a second UCX.
run_tests() {
  local ucx="" fixed=() parallel=$((2 * $(nproc))) # Many tests only wait.
  need_build_packages
  need openmpi-bin iproute2
  if [[ $1 == release ]]; then
    python3 -m pip --version >/dev/null 2>&1 || need python3-pip
    ucx="$(newer_ucx)" || say "no test with a second UCX: pip cannot download libucx-cu13"
  fi
  build "$1"
  # Sanitizers of older compilers fail at random if the kernel uses many bits for address
  # randomisation.
  if setarch -R true 2>/dev/null; then fixed=(setarch -R); fi
  say "testing preset $1"
  "${fixed[@]}" ctest --preset "$1" --parallel $parallel
  [[ -n $ucx ]] || return 0
  say "testing preset $1 with the UCX at $ucx"
  SYMMEM_UCX_LIBRARY="$ucx" "${fixed[@]}" ctest --preset "$1" --parallel $parallel -L '^network$'
}
