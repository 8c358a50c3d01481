#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks each source file: an SPDX line, its length, no unfinished work, no sleep in a test, no
# multicast call of CUDA. usage: files.sh <source tree>
set -euo pipefail
export LC_ALL=C
cd "$1"
failed=0

fail() {
  echo "$*"
  failed=1
}

# Prints the number of lines that a file may have.
allowed_lines() {
  case $1 in
  docs/examples/[0-9]*) echo 79 ;;
  *.sh | dev | .ci/* | scripts/*) echo 200 ;;
  *) echo 300 ;;
  esac
}

present=()
for path in .ci bench cmake dev docs include scripts src tests transports; do
  [[ -e $path ]] && present+=("$path")
done

while IFS= read -r file; do
  head -n 3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || fail "$file: no SPDX line"
  lines=$(wc -l <"$file")
  allowed=$(allowed_lines "$file")
  ((lines <= allowed)) || fail "$file: $lines lines, $allowed are allowed: split it by idea"
  [[ $file != tests/layout/* ]] || continue # These name what they look for.
  if match=$(grep -nE '\b(TODO|FIXME|XXX|HACK)\b' "$file"); then
    fail "$file: unfinished work: $match"
  fi
  if [[ $file == tests/* ]] &&
    match=$(grep -nE '\b(sleep_for|sleep_until|usleep|nanosleep|sleep) ?\(' "$file"); then
    fail "$file: a test waits for an event, it does not sleep: $match"
  fi
  # The names of the driver's functions, with their prefix or without, and of the instructions.
  if match=$(grep -nE '(cu|CU_|[(.>])(Multicast|MULTICAST)|\bmultimem\.' "$file"); then
    fail "$file: symmem makes no multicast calls: $match"
  fi
done < <(find "${present[@]}" -type f \( -name '*.[ch]pp' -o -name '*.cu' -o -name '*.cuh' \
  -o -name '*.cmake' -o -name CMakeLists.txt -o -name '*.sh' -o -path dev -o -path '.ci/*' \
  -o -path 'scripts/*' \) | sort)
exit "$failed"
