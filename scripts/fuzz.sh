# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Fuzzes each target of preset fuzz for FUZZ_SECONDS (default: 30).

# Fuzzes one target. New inputs are written to the build directory, not to the committed corpus.
fuzz_one() {
  local target=$1 dir=build/fuzz/found/$1
  mkdir -p "$dir"
  if "build/fuzz/bin/fuzz_$target" -max_total_time="${FUZZ_SECONDS:-30}" -timeout=10 \
    -rss_limit_mb=2048 -artifact_prefix="$dir-" "$dir" "tests/fuzz/corpus/$target" &>"$dir.log"; then
    say "fuzz $target: passed, $(grep -Eo 'Done [0-9]+ runs' "$dir.log")"
  else
    tail -40 "$dir.log"
    say "fuzz $target: FAILED, see $dir.log"
    return 1
  fi
}

fuzz() {
  local version
  need_build_packages
  version="$(newest_clang)" || { apt update && version="$(newest_clang)"; } ||
    die "cannot fuzz: no clang 16 to 19 is installed or available from apt"
  need "clang-$version" "libclang-rt-$version-dev"
  export CXX="clang++-$version"
  build fuzz
  local binaries=(build/fuzz/bin/fuzz_*)
  [[ -x ${binaries[0]} ]] || die "no fuzz target was built"
  say "fuzzing ${#binaries[@]} targets"
  printf '%s\n' "${binaries[@]##*/fuzz_}" | xargs -P "$(nproc)" -I{} ./dev fuzz-one {}
}
