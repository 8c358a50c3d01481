#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds and runs the consumer. Mode installed: uses the package that <build> installs. Mode
# subdirectory: uses symmem as a subdirectory, then the package that this second build installs.
# usage: check.sh installed|subdirectory <source> <build> <cmake> <compiler> <flags> [cmake option ...]
set -euo pipefail
mode=$1 source=$2 build=$3 cmake=$4
export CXX=$5 CXXFLAGS=$6
shift 6
consumer="$source/tests/package/consumer"
work="$build/package_$mode"
# A sibling of <build>, so that relative source paths are equal and ccache finds the objects.
sub="$build-$mode"
rm -rf "$work" "$sub"
mkdir -p "$work"

configure() { # configure <source> <build> [option ...]
  "$cmake" -S "$1" -B "$2" "${@:3}" >"$work/log" || { cat "$work/log" && exit 1; }
}

# Installs a build tree and moves the result, because a package must work at any path.
install_moved() {
  "$cmake" --install "$1" --prefix "$work/first" >/dev/null
  mv "$work/first" "$work/moved"
}

# Checks that the public headers include no CUDA header, also if symmem was built with CUDA.
check_headers() {
  local included
  included="$("$CXX" -std=c++20 -M -I "$work/moved/include" "$consumer/main.cpp")"
  if grep -iE '/(cuda|driver_types|vector_types)[a-z_0-9]*\.h([^p]|$)' <<<"$included"; then
    echo 'a public header includes a CUDA header' && exit 1
  fi
}

by_find_package() {
  configure "$consumer" "$work/found" -DCMAKE_PREFIX_PATH="$work/moved"
  "$cmake" --build "$work/found"
  "$work/found/consumer"
}

by_pkg_config() { # by_pkg_config [--static]
  command -v pkg-config >/dev/null || { echo 'skipped: pkg-config is not installed'; exit 77; }
  local pc flags
  pc="$(find "$work/moved" -name symmem.pc)"
  flags="$(PKG_CONFIG_PATH="$(dirname "$pc")" pkg-config "$@" --cflags --libs symmem)"
  # shellcheck disable=SC2086  # Both are lists of flags.
  "$CXX" -std=c++20 $CXXFLAGS "$consumer/main.cpp" -o "$work/by_pkg_config" $flags
  LD_LIBRARY_PATH="$(dirname "$(dirname "$pc")")" "$work/by_pkg_config"
}

case "$mode" in
installed)
  install_moved "$build"
  check_headers
  by_find_package
  by_pkg_config
  if [[ -x "$work/moved/bin/symmem" ]]; then "$work/moved/bin/symmem" --version; fi
  ;;
subdirectory)
  configure "$consumer" "$sub" -DSYMMEM_SOURCE="$source" "$@"
  "$cmake" --build "$sub"
  "$sub/consumer"
  install_moved "$sub" # Static, so the package must name the libraries that symmem needs.
  by_find_package
  by_pkg_config --static
  ;;
esac
