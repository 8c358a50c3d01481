#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks that no text file contains a banned word or form, also where it spans two lines.
# usage: language.sh <source tree>
set -euo pipefail
export LC_ALL=C
cd "$1"

banned='for who|lest|anew|whoever|is to be|comes to|let go of|at the begin|in vain|mend(s|ed|ing)?'

# Prints the files that git does not ignore, or all files if the tree is not a git checkout.
files() {
  if [[ -e .git ]] && command -v git >/dev/null && git ls-files -co --exclude-standard 2>/dev/null; then
    return
  fi
  find . -type f -not -path './.git/*' -not -path './build*/*' | sed 's|^\./||'
}

# Prints <file>:<line>:<text> without comment marks, with the last two words of the line before.
# shellcheck disable=SC2016  # awk expands them.
joined_lines() {
  while IFS= read -r file; do
    case $file in
    LICENSE | tests/layout/* | tests/fuzz/corpus/*) ;;
    *) [[ ! -f $file ]] || printf '%s\n' "$file" ;;
    esac
  done | xargs -d '\n' awk '
    FNR == 1 { tail = "" }
    {
      gsub(/^[ \t]*([\/#*>|-]+[!<]?[ \t]*)*|[ \t\\"]+$/, "")
      print FILENAME ":" FNR ":" tail " " $0
      tail = (NF > 1 ? $(NF - 1) " " : "") $NF
    }' /dev/null
}

failed=0
lines="$(files | joined_lines)"
if grep -wiE "$banned" <<<"$lines"; then
  echo "banned words and forms (whole words, any case): $banned"
  failed=1
fi
if grep -wE 'Of' <<<"$lines"; then
  echo 'no sentence begins with "Of"'
  failed=1
fi
exit "$failed"
