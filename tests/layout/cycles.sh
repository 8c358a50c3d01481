#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks that no units include each other in a cycle. A unit is a header with its .cpp or .cu file.
# usage: cycles.sh <source tree>
set -euo pipefail
export LC_ALL=C
cd "$1"

sources() { find include src transports -name '*.[ch]pp' -o -name '*.cuh' -o -name '*.cu' | sort; }

# Passes to awk the paths of all files, then one line <file>:<included path> per include.
{
  sources
  sources | xargs grep -HoE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"[^"]+' /dev/null |
    sed -E 's/^([^:]+):.*"/\1:/'
} | awk -F: '
# Returns `path` without its extension and without include/, src/ or transports/.
function unit_of(path) {
  sub(/^(include|src|transports)\//, "", path)
  sub(/\.[a-z]+$/, "", path)
  return path
}
function remove(unit,   edge, ends) {
  delete left[unit]
  for (edge in edges) {
    split(edge, ends, ":")
    if (ends[1] == unit || ends[2] == unit) {
      --includes[ends[1]]
      --included_by[ends[2]]
      delete edges[edge]
    }
  }
}
NF == 1 { left[unit_of($1)] = 1 }
NF == 2 {
  from = unit_of($1)
  to = unit_of($2)
  if (from != to && (to in left) && !((from ":" to) in edges)) {
    edges[from ":" to] = 1
    ++includes[from]
    ++included_by[to]
  }
}
END {
  # A unit that includes no unit, or that no unit includes, is in no cycle.
  do {
    removed = 0
    for (unit in left)
      if (includes[unit] == 0 || included_by[unit] == 0) {
        remove(unit)
        removed = 1
      }
  } while (removed)
  for (edge in edges) {
    split(edge, ends, ":")
    print "in a cycle of units, or between two cycles: " ends[1] " includes " ends[2]
    failed = 1
  }
  exit failed
}' | sort
