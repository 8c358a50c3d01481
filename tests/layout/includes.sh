#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks the order of includes: a directory of src/ includes only directories of lower levels, a
# transport includes no other transport, and only certain files include each third-party library.
# usage: includes.sh <source tree>
set -euo pipefail
export LC_ALL=C
cd "$1"

# The directories of src/, one level per line. Directories of one level do not include each other.
rooms='base
options process fd_service gpu tensor
store blocks launch
group
allocation
signals
access
rendezvous
context
cli'
for_transports='base options fd_service gpu'

# Prints <file>:<line>:<included path> for each include.
list_includes() {
  find include src transports -name '*.[ch]pp' -o -name '*.cuh' -o -name '*.cu' | sort |
    xargs grep -nHoE '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"][^>"]+' /dev/null |
    sed -E 's/^([^:]+:[0-9]+):.*[<"]/\1:/'
}

list_includes | awk -F: -v rooms="$rooms" -v for_transports="$for_transports" \
  -v transports="$(cd transports && printf '%s ' */)" '
# Returns the part of the tree that contains a file: include, a directory of src/, transports (for
# files directly in transports/), or transports/<name>.
function part_of(path) {
  if (path ~ /^include\//) return "include"
  if (match(path, /^src\/[^\/]+/)) return substr(path, 5, RLENGTH - 4)
  return match(path, /^transports\/[^\/]+\//) ? substr(path, 1, RLENGTH - 1) : "transports"
}
# Returns the part of the tree that contains an included file; "" for third-party and standard
# headers.
function part_named(path) {
  if (path ~ /^symmem\//) return "include"
  if (path ~ /^(transport|peer)_[a-z_]*\.(hpp|inc)$/) return "transports"
  sub(/\/.*/, "", path)
  if (path in level) return path
  return (path in is_transport) ? "transports/" path : ""
}
function is_in(word, list) { return index(" " list " ", " " word " ") }
function fail(why) {
  print $1 ":" $2 ": includes " $3 ": " why
  failed = 1
}
function check_room(from, to) {
  if (to == from || to == "include") return
  if (to in level) {
    if (level[to] == level[from]) fail(from " and " to " are directories of one level")
    else if (level[to] > level[from]) fail("directory " to " is above directory " from)
  }
  else if (from != "context") fail("only src/context includes transports")
  else if (to != "transports" && $3 !~ /\/factory\.hpp$/)
    fail("src/context includes only the factory of a transport")
}
function check_transport(from, to) {
  if (to == from || to == "include" || to == "transports" || is_in(to, for_transports)) return
  if (to in level) fail("transports include only these directories of src/: " for_transports)
  else fail("a transport must not include another transport")
}
function check_third_party(from, file, path) {
  # A name without a dot and without a directory is a header of the standard library.
  if (from == "include" && path ~ /[.\/]/ && file !~ /\.cuh$/)
    fail("public headers include only the standard library and each other")
  if (path ~ /^boost\/asio/ && file !~ /^src\/store\/[^\/]+\.cpp$/ &&
      file != "src/base/event_loop.cpp")
    fail("only src/store/*.cpp and src/base/event_loop.cpp include Asio")
  if (path ~ /^uc[mpst]\// && from != "transports/ucx") fail("only transports/ucx includes UCX")
  if (path ~ /^(cuda[A-Za-z_]*|nvml)\.h$/ && file !~ /^include\/.*\.cuh$/ &&
      !is_in(from, "gpu blocks transports/cuda_ipc"))
    fail("only src/gpu, src/blocks and transports/cuda_ipc include CUDA")
}
BEGIN {
  lines = split(rooms, line, "\n")
  for (i = 1; i <= lines; ++i) {
    words = split(line[i], word, " ")
    for (j = 1; j <= words; ++j) level[word[j]] = i
  }
  words = split(transports, word, "[/ ]+")
  for (j = 1; j <= words; ++j) if (word[j] != "") is_transport[word[j]] = 1
}
{
  from = part_of($1)
  to = part_named($3)
  if (from != "include" && from !~ /^transports/ && !(from in level))
    fail("directory " from " is missing in the list of levels in tests/layout/includes.sh")
  else if ($3 ~ /^\.\.?\//) fail("write the path relative to src/, transports/ or include/")
  else if (to == "") check_third_party(from, $1, $3)
  else if (from == "include") {
    if (to != "include") fail("public headers include only the standard library and each other")
  }
  else if (from in level) check_room(from, to)
  else check_transport(from, to)
}
END { exit failed }'
