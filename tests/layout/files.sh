#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks what every file owes: a licence line, at most 500 lines (an example under 80), nothing left to
# do, no sleep in a test, no multicast call of CUDA's, and its place in the list of public headers.
# usage: files.sh <source tree>
set -euo pipefail
export LC_ALL=C
cd "$1"
failed=0

wrong() {
  echo "$*"
  failed=1
}

folders=()
for folder in include src transports tests bench docs cmake; do
  [[ -d $folder ]] && folders+=("$folder")
done

while IFS= read -r file; do
  head -n 3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || wrong "$file: no SPDX line"
  lines=$(wc -l <"$file")
  ((lines <= 500)) || wrong "$file: $lines lines, 500 are allowed: split it by idea"
  if match=$(grep -nE '\b(TODO|FIXME|XXX|HACK)\b' "$file"); then
    [[ $file == tests/layout/* ]] || wrong "$file: something is left to do: $match"
  fi
  [[ $file != docs/examples/[0-9]* ]] || ((lines < 80)) || wrong "$file: $lines lines, an example has fewer than 80"
  if [[ $file == tests/* ]] && match=$(grep -nE '\b(sleep_for|sleep_until|usleep|nanosleep|sleep) ?\(' "$file"); then
    [[ $file == tests/layout/* ]] || wrong "$file: a test must wait for an event, not sleep: $match"
  fi
  # As the driver's functions are named, whole or in a list of them, and as the instructions are.
  if match=$(grep -nE '(cu|CU_|[(.>])(Multicast|MULTICAST)|\bmultimem\.' "$file"); then
    [[ $file == tests/layout/* ]] || wrong "$file: symmem makes no multicast calls: $match"
  fi
done < <(find "${folders[@]}" -type f \( -name '*.[ch]pp' -o -name '*.cu' -o -name '*.cuh' \
  -o -name '*.cmake' -o -name CMakeLists.txt -o -name '*.sh' \) | sort)

for header in include/symmem/*.{hpp,cuh}; do
  [[ ! -e $header ]] || grep -qF "$header" cmake/library.cmake || wrong "$header: not in the list of cmake/library.cmake"
done
exit "$failed"
