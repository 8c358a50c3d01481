#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks that no CMake file of the tests names a transport: a new transport needs only a directory
# and its name in one list.
# usage: transports.sh <source tree>
set -euo pipefail
export LC_ALL=C
cd "$1"
names="$(cd transports && printf '%s\n' */ | tr -d /)"

if find tests cmake/tests.cmake \( -name CMakeLists.txt -o -name '*.cmake' \) -print0 | sort -z |
  xargs -0 grep -niF "$names" /dev/null; then
  echo 'CMake files of the tests must not name a transport: see transports/CMakeLists.txt'
  exit 1
fi
