#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Plants each fault in a small tree and checks that the layout checks find it, and only it.
set -euo pipefail
export LC_ALL=C
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
tree="$(mktemp -d)"
trap 'rm -rf "$tree"' EXIT
failed=0

write() { # write <file> <line ...>
  mkdir -p "$(dirname "$tree/$1")"
  { echo '// SPDX-License-Identifier: Apache-2.0'; printf '%s\n' "${@:2}"; } >"$tree/$1"
}

# A tree as it should be.
fresh() {
  rm -rf "${tree:?}"/*
  write include/symmem/a.hpp '#include <vector>' '#include "symmem/a.hpp"'
  write cmake/library.cmake '# include/symmem/a.hpp'
  write src/base/event_loop.cpp '#include <boost/asio/post.hpp>' '#include "symmem/a.hpp"'
  write src/store/server.cpp '#include <boost/asio/post.hpp>' '#include "base/wire.hpp"'
  write src/core/context.cpp '#include <fmt/format.h>' '#include "group/group.hpp"'
  write src/core/builtin.cpp '#include "shm/factory.hpp"'
  write src/cli/main.cpp '#include "store/server.hpp"' '#include <CLI/CLI.hpp>'
  write transports/shm/shm.cpp '#include "base/wire.hpp"' '#include "shm/handle.hpp"'
  write transports/ucx/ucx.cpp '#include <ucp/api/ucp.h>'
  write tests/unit/a_test.cpp '#include "store/server.hpp"'
}

expect() { # expect pass|fail <script> <what>
  local result=pass
  "$here/$2" "$tree" >"$tree/out" 2>&1 || result=fail
  if [[ $result != "$1" ]]; then
    echo "$2: should $1: $3"
    cat "$tree/out"
    failed=1
  fi
}

plant() { # plant <script> <file> <line ...>
  fresh
  write "${@:2}"
  expect fail "$1" "${*:2}"
}

fresh
expect pass includes.sh 'the tree as it should be'
expect pass files.sh 'the tree as it should be'
plant includes.sh include/symmem/a.hpp '#include "base/wire.hpp"'
plant includes.sh include/symmem/a.hpp '#include <fmt/format.h>'
plant includes.sh include/symmem/a.hpp '#include <boost/asio/post.hpp>'
plant includes.sh include/symmem/a.hpp '#include <numa.h>'
plant includes.sh include/symmem/a.hpp '#include <Eigen/Dense>'
plant includes.sh src/cli/b.cpp '#include "shm/factory.hpp"'
plant includes.sh src/base/b.cpp '#include "store/server.hpp"'
plant includes.sh src/base/b.cpp '#include "shm/handle.hpp"'
plant includes.sh src/base/b.cpp '#  include <boost/asio.hpp>'
plant includes.sh src/store/b.hpp '#include <boost/asio/post.hpp>'
plant includes.sh src/store/b.hpp '#include <boost/asio/post.hpp>'
plant includes.sh src/store/b.cpp '#include "memory/block.hpp"'
plant includes.sh src/core/b.cpp '#include "store/server.hpp"'
plant includes.sh src/core/b.cpp '#include "../store/server.hpp"'
plant includes.sh src/core/b.cpp '#include "shm/factory.hpp"'
plant includes.sh src/core/b.cpp '#include <ucp/api/ucp.h>'
plant includes.sh transports/shm/b.cpp '#include "group/group.hpp"'
plant includes.sh transports/shm/b.cpp '#include "ucx/ucx.hpp"'
plant files.sh src/core/b.cpp '// TODO'
plant files.sh tests/unit/b_test.cpp 'std::this_thread::sleep_for(1s);'
plant files.sh src/base/b.hpp '  X(MulticastCreate)'
plant files.sh transports/shm/b.cpp 'driver.cuMulticastBindMem(handle);'
plant files.sh transports/shm/b.cpp 'driver.MulticastBindMem(handle);'
plant files.sh src/core/b.cu 'asm("multimem.red.release.sys.global.add.u64 [%0], %1;");'
plant files.sh src/core/b.cpp "$(seq 501)"
plant files.sh include/symmem/b.hpp
fresh
echo 'int x;' >"$tree/src/core/b.cpp"
expect fail files.sh 'no SPDX line'
exit "$failed"
