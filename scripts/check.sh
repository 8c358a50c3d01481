# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Checks the sources without running them.

# Prints the files that git does not ignore and whose path matches. In a tree without git prints all
# matching files.
files() { # files <extended regular expression>
  { git ls-files -co --exclude-standard 2>/dev/null ||
    find . -type f -not -path './build*/*' -not -path './.cache/*' -printf '%P\n'; } |
    grep -E "$1" | sort -u | while IFS= read -r file; do [[ ! -f $file ]] || echo "$file"; done
}

clang_format() { # clang_format <option ...>
  local program
  program="$(need_pinned clang-format 14.0.6)" || return
  files '\.([ch]pp|cuh?)$' | xargs -d '\n' "$program" --style=file "$@"
}

format() { clang_format -i; }

check_format() { clang_format --dry-run -Werror || { say "./dev format formats the sources" && return 1; }; }

check_scripts() {
  need shellcheck
  files '\.sh$|^dev$|^\.ci/run$' | xargs -d '\n' shellcheck
}

# The word inflight is allowed because of the type InFlight.
check_spelling() {
  need codespell
  files '' | grep -vE '^(LICENSE|tests/fuzz/corpus/)' |
    xargs -d '\n' codespell --quiet-level=2 --ignore-words-list=inflight
}

# compile_alone <compiler> <standard> <header>: compiles a file that includes only this header.
compile_alone() {
  local source status=0
  source="$(mktemp --suffix="$([[ $3 == *.cuh ]] && echo .cu || echo .cpp)")"
  echo "#include \"${3#include/}\"" >"$source"
  if [[ $3 == *.cuh ]]; then
    "$1" "-std=$2" -Iinclude -Werror all-warnings -ptx -o /dev/null "$source" || status=1
  else
    "$1" "-std=$2" -Iinclude -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -fsyntax-only \
      "$source" || status=1
  fi
  [[ $status -eq 0 ]] || echo "$3 does not compile alone as $2 with $1"
  rm -f "$source"
  return $status
}
export -f compile_alone

check_headers() {
  local nvcc
  need g++
  nvcc="$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)"
  {
    files '^include/.*\.hpp$' | sed "s/.*/${CXX:-g++} c++20 &\n${CXX:-g++} c++23 &/"
    if [[ -x $nvcc ]]; then
      files '^include/.*\.cuh$' | sed "s|.*|$nvcc c++17 &\n$nvcc c++20 &|"
    fi
  } | xargs -P "$(nproc)" -n 3 bash -c 'compile_alone "$@"' compile_alone
}

# run_quietly <command ...>: prints the output of the command as one block if the command fails.
run_quietly() {
  local output
  output="$("$@" 2>&1)" || { echo "$output" && return 1; }
}
export -f run_quietly

# Runs clang-tidy on the files that preset release compiles without CUDA.
check_tidy() {
  local program
  program="$(need_pinned clang-tidy 22.1.8)" || return
  need_build_packages
  cmake --preset release -B build/tidy -DSYMMEM_CUDA=OFF --log-level=WARNING >/dev/null || return
  sed -nE 's/^ *"file": "(.*)",?$/\1/p' build/tidy/compile_commands.json | sort -u |
    xargs -d '\n' -P "$(nproc)" -n 4 bash -c 'run_quietly "$@"' run_quietly \
      "$program" -p build/tidy --quiet
}

# check [step ...]
check() {
  local name steps=("$@")
  [[ $# -gt 0 ]] || steps=(format scripts spelling headers tidy)
  for name in "${steps[@]}"; do
    case $name in
    format | scripts | spelling | headers | tidy) step "check $name" "check_$name" ;;
    *) die "unknown step '$name': format, scripts, spelling, headers or tidy" ;;
    esac
  done
  sum_up
}
