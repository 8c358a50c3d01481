#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks that each public header is in the list of cmake/library.cmake, and that symmem.hpp and the
# headers that it includes have a limited number of lines. usage: headers.sh <source tree>
set -euo pipefail
export LC_ALL=C
cd "$1/include"
umbrella=symmem/symmem.hpp
allowed=600
failed=0

while IFS= read -r header; do
  grep -qE "include/$header\b" ../cmake/library.cmake && continue
  echo "include/$header: not in the list of cmake/library.cmake"
  failed=1
done < <(find symmem -name '*.hpp' -o -name '*.cuh' | sort)

# Prints header $1 and each header of symmem that $1 includes, directly or indirectly.
closure() {
  local reached=$1 more=$1
  while [[ -n $more ]]; do
    # shellcheck disable=SC2086  # $more is a list of files.
    more="$(sed -nE 's/^[ \t]*#[ \t]*include[ \t]*["<](symmem\/[^">]+).*/\1/p' $more | sort -u |
      grep -vxF "$reached" || true)"
    [[ -z $more ]] || reached+=$'\n'"$more"
  done
  echo "$reached"
}

headers="$(closure "$umbrella")"
if match="$(grep '^symmem/extend/' <<<"$headers")"; then
  printf 'include/%s includes headers for authors of transports and stores:\n%s\n' "$umbrella" "$match"
  failed=1
fi
lines="$(xargs cat <<<"$headers" | wc -l)"
if ((lines > allowed)); then
  echo "include/$umbrella includes $lines lines; at most $allowed are allowed:"
  xargs wc -l <<<"$headers"
  failed=1
fi
exit "$failed"
