#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks who includes whom:  include <- base <- {store, memory, core, transports/x}  <- the one file
# that makes the transports. usage: includes.sh <source tree>
set -euo pipefail
export LC_ALL=C
cd "$1"

# Each line of input: <file>:<line>:<included path>, system and own includes alike.
list_includes() {
  find include src transports -name '*.[ch]pp' -o -name '*.cuh' -o -name '*.cu' | sort |
    xargs grep -nHoE '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"][^>"]+' /dev/null |
    sed -E 's/^([^:]+:[0-9]+):.*[<"]/\1:/'
}

list_includes | awk -F: '
function part(path) {  # src/core/x.cpp -> core, transports/shm/x.cpp -> transports/shm
  if (path ~ /^include\//) return "include"
  if (match(path, /^src\/[^\/]+/)) return substr(path, 5, RLENGTH - 4)
  match(path, /^transports\/[^\/]+/)
  return substr(path, 1, RLENGTH)
}
function target(path) {  # as an #include names it: core/x.hpp, shm/x.hpp, symmem/x.hpp
  if (path ~ /^symmem\//) return "include"
  if (match(path, /^(base|store|memory|core|cli)\//)) return substr(path, 1, RLENGTH - 1)
  sub(/\/.*/, "", path)
  return (path in is_transport) ? "transports/" path : ""
}
function wrong(why) {
  print $1 ":" $2 ": includes " $3 ": " why
  failed = 1
}
BEGIN {
  command = "ls transports"
  while ((command | getline name) > 0) is_transport[name] = 1
}
{
  from = part($1)
  to = target($3)
  if ($3 ~ /^\.\.?\//) wrong("name it from src/, transports/ or include/")
  else if (to == "") {
    # The standard library alone has names without a dot and a folder.
    if (from == "include" && $3 ~ /[.\/]/ && $1 !~ /\.cuh$/) wrong("public headers include std and each other only")
  }
  else if (from == "include" && to != "include") wrong("public headers include std and each other only")
  else if (from == "base" && to != "base" && to != "include") wrong("base stands below " to)
  else if (from == "cli" && to ~ /^transports/) wrong("cli knows transports through core only")
  else if (from == "cli" || $1 == "src/core/builtin.cpp") ;
  else if (to != from && to != "base" && to != "include") wrong(from " and " to " must not know each other")

  asio = $3 ~ /^boost\/asio/
  if (asio && $1 !~ /^src\/store\/[^\/]+\.cpp$/ && $1 != "src/base/event_loop.cpp")
    wrong("Asio stays in src/store/*.cpp and src/base/event_loop.cpp")
  if ($3 ~ /^uc[pst]\// && from != "transports/ucx") wrong("UCX stays in transports/ucx")
}
END { exit failed }'
