#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks that each source file has an SPDX line and is not too long, that it contains no mark of
# unfinished work and no multicast call of CUDA, and that tests do not sleep.
# usage: files.sh <source tree>
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
  ((lines <= allowed)) || fail "$file: $lines lines; at most $allowed are allowed: split the file by topic"
  [[ $file != tests/layout/* ]] || continue # These files contain the words.
  if match=$(grep -nE '\b(TODO|FIXME|XXX|HACK)\b' "$file"); then
    fail "$file: unfinished work: $match"
  fi
  if [[ $file == tests/* ]] &&
    match=$(grep -nE '\b(sleep_for|sleep_until|usleep|nanosleep|sleep) ?\(' "$file"); then
    fail "$file: tests must wait for events and must not sleep: $match"
  fi
  # Multicast functions of the CUDA driver, with or without prefix, and multicast instructions.
  if match=$(grep -nE '(cu|CU_|[(.>])(Multicast|MULTICAST)|\bmultimem\.' "$file"); then
    fail "$file: symmem makes no multicast calls: $match"
  fi
done < <(find "${present[@]}" -type f \( -name '*.[ch]pp' -o -name '*.cu' -o -name '*.cuh' \
  -o -name '*.cmake' -o -name CMakeLists.txt -o -name '*.sh' -o -path dev -o -path '.ci/*' \
  -o -path 'scripts/*' \) | sort)
exit "$failed"
