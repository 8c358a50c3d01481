#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks the order of includes: each room of src/ includes only rooms of lower levels, a transport
# includes no other transport, and each third-party library has a fixed home.
# usage: includes.sh <source tree>
set -euo pipefail
export LC_ALL=C
cd "$1"

# Rooms of one level do not include each other.
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
# The part of the tree that holds a file: include, a room, transports (files directly there), or
# transports/<name>.
function part_of(path) {
  if (path ~ /^include\//) return "include"
  if (match(path, /^src\/[^\/]+/)) return substr(path, 5, RLENGTH - 4)
  return match(path, /^transports\/[^\/]+\//) ? substr(path, 1, RLENGTH - 1) : "transports"
}
# The part of the tree that an include names; "" for third-party and standard headers.
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
    if (level[to] == level[from]) fail(from " and " to " are rooms of one level")
    else if (level[to] > level[from]) fail("room " to " is above room " from)
  }
  else if (from != "context") fail("only room context includes transports")
  else if (to != "transports" && $3 !~ /\/factory\.hpp$/)
    fail("room context includes nothing of a transport but its factory")
}
function check_transport(from, to) {
  if (to == from || to == "include" || to == "transports" || is_in(to, for_transports)) return
  if (to in level) fail("transports include these rooms only: " for_transports)
  else fail("a transport includes no other transport")
}
function check_third_party(from, file, path) {
  # A name without a dot and a folder is a header of the standard library.
  if (from == "include" && path ~ /[.\/]/ && file !~ /\.cuh$/)
    fail("public headers include std and each other only")
  if (path ~ /^boost\/asio/ && file !~ /^src\/store\/[^\/]+\.cpp$/ &&
      file != "src/base/event_loop.cpp")
    fail("Asio stays in src/store/*.cpp and src/base/event_loop.cpp")
  if (path ~ /^uc[mpst]\// && from != "transports/ucx") fail("UCX stays in transports/ucx")
  if (path ~ /^(cuda[A-Za-z_]*|nvml)\.h$/ && file !~ /^include\/.*\.cuh$/ &&
      !is_in(from, "gpu blocks transports/cuda_ipc"))
    fail("CUDA stays in src/gpu, src/blocks and transports/cuda_ipc")
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
    fail("room " from " has no place in the order of rooms in tests/layout/includes.sh")
  else if ($3 ~ /^\.\.?\//) fail("name it from src/, transports/ or include/")
  else if (to == "") check_third_party(from, $1, $3)
  else if (from == "include") {
    if (to != "include") fail("public headers include std and each other only")
  }
  else if (from in level) check_room(from, to)
  else check_transport(from, to)
}
END { exit failed }'
