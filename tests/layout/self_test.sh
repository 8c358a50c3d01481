#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tests the layout checks: each check accepts a correct tree and reports each fault added to the
# tree.
set -euo pipefail
export LC_ALL=C
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
work="$(mktemp -d)"
tree="$work/tree" correct="$work/correct" output="$work/output"
trap 'rm -rf "$work"' EXIT
failed=0

write() { # write <file> <line ...>
  mkdir -p "$tree/${1%/*}"
  { echo '// SPDX-License-Identifier: Apache-2.0'; printf '%s\n' "${@:2}"; } >"$tree/$1"
}

write_correct_tree() {
  write include/symmem/a.hpp '#include <vector>' '#include "symmem/b.hpp"'
  write include/symmem/b.hpp '// Starts at the beginning and ends when the outcomes to come are known.'
  write include/symmem/symmem.hpp '#include "symmem/a.hpp"'
  write include/symmem/extend/c.hpp '#include "symmem/a.hpp"'
  write include/symmem/d.cuh '#include <cuda_runtime.h>'
  write cmake/library.cmake 'include/symmem/a.hpp include/symmem/b.hpp include/symmem/symmem.hpp' \
    'include/symmem/extend/c.hpp include/symmem/d.cuh'
  write cmake/tests.cmake
  # shellcheck disable=SC2016  # CMake expands it.
  write tests/unit/CMakeLists.txt 'add_subdirectory(${transport})'
  write tests/unit/a_test.cpp '#include "store/server.hpp"'
  write src/base/event_loop.cpp '#include <boost/asio/post.hpp>' '#include "symmem/a.hpp"'
  write src/store/server.hpp '#include "base/wire.hpp"'
  write src/store/server.cpp '#include <boost/asio/post.hpp>' '#include "store/server.hpp"'
  write src/store/session.cpp '#include "store/server.hpp"'
  write src/gpu/driver.hpp '#include <cuda.h>'
  write src/context/builtin.cpp '#include "shm/factory.hpp"' '#include "transport_factories.inc"' \
    '#include "group/group.hpp"' '#include <fmt/format.h>'
  write src/cli/main.cpp '#include "context/builtin.hpp"' '#include <CLI/CLI.hpp>'
  write transports/transport_environment.hpp '#include "gpu/gpu.hpp"'
  write transports/shm/factory.hpp '#include "transport_environment.hpp"'
  write transports/shm/shm.cpp '#include "base/wire.hpp"' '#include "shm/handle.hpp"'
  write transports/ucx/ucx.cpp '#include <ucp/api/ucp.h>' '#include "fd_service/fd_service.hpp"'
}

make_correct_tree() {
  rm -rf "$tree"
  cp -r "$correct" "$tree"
}

expect() { # expect pass|fail <script> <what>
  local result=pass
  "$here/$2" "$tree" >"$output" 2>&1 || result=fail
  [[ $result == "$1" ]] && return
  echo "$2: should $1: $3"
  cat "$output"
  failed=1
}

plant() { # plant <script> <file> <line ...>
  make_correct_tree
  write "${@:2}"
  expect fail "$1" "${*:2}"
}

write_correct_tree
mv "$tree" "$correct"
make_correct_tree
for check in cycles files headers includes language transports; do
  expect pass "$check.sh" 'the correct tree'
done

plant includes.sh include/symmem/a.hpp '#include "base/wire.hpp"'
plant includes.sh include/symmem/a.hpp '#include <fmt/format.h>'
plant includes.sh include/symmem/a.hpp '#include <boost/asio/post.hpp>'
plant includes.sh include/symmem/a.hpp '#include <numa.h>'
plant includes.sh include/symmem/a.hpp '#include <Eigen/Dense>'
plant includes.sh include/symmem/extend/c.hpp '#include "transport_environment.hpp"'
plant includes.sh src/base/b.cpp '#include "store/server.hpp"'
plant includes.sh src/base/b.cpp '#include "shm/handle.hpp"'
plant includes.sh src/base/b.cpp '#  include <boost/asio.hpp>'
plant includes.sh src/options/b.cpp '#include "tensor/tensor.hpp"'
plant includes.sh src/store/b.hpp '#include <boost/asio/post.hpp>'
plant includes.sh src/store/b.cpp '#include "blocks/block.hpp"'
plant includes.sh src/store/b.cpp '#include <cuda.h>'
plant includes.sh src/group/b.cpp '#include "allocation/allocation.hpp"'
plant includes.sh src/group/b.cpp '#include "../store/server.hpp"'
plant includes.sh src/rendezvous/b.cpp '#include "shm/factory.hpp"'
plant includes.sh src/rendezvous/b.cpp '#include "transport_environment.hpp"'
plant includes.sh src/rendezvous/b.cpp '#include "context/runtime.hpp"'
plant includes.sh src/context/b.cpp '#include <ucp/api/ucp.h>'
plant includes.sh src/context/b.cpp '#include "shm/handle.hpp"'
plant includes.sh src/cli/b.cpp '#include "shm/factory.hpp"'
plant includes.sh src/novel/b.cpp '#include "base/wire.hpp"'
plant includes.sh transports/shm/b.cpp '#include "group/group.hpp"'
plant includes.sh transports/shm/b.cpp '#include "ucx/ucx.hpp"'
plant includes.sh transports/shm/b.cpp '#include <cuda_runtime_api.h>'
plant includes.sh transports/transport_b.hpp '#include "shm/factory.hpp"'

plant cycles.sh src/store/server.hpp '#include "store/session.hpp"'
make_correct_tree
write src/store/session.hpp
write src/store/server.cpp '#include "store/session.hpp"'
expect fail cycles.sh 'a .cpp file closes the cycle'
make_correct_tree
write include/symmem/b.hpp '#include "symmem/e.hpp"'
write include/symmem/e.hpp '#include "symmem/a.hpp"'
expect fail cycles.sh 'a cycle of three headers'

plant files.sh src/group/b.cpp '// TODO'
plant files.sh tests/unit/b_test.cpp 'std::this_thread::sleep_for(1s);'
plant files.sh src/base/b.hpp '  X(MulticastCreate)'
plant files.sh transports/shm/b.cpp 'driver.cuMulticastBindMem(handle);'
plant files.sh transports/shm/b.cpp 'driver.MulticastBindMem(handle);'
plant files.sh src/group/b.cu 'asm("multimem.red.release.sys.global.add.u64 [%0], %1;");'
plant files.sh src/group/b.cpp "$(seq 300)"
plant files.sh docs/examples/01_a.cpp "$(seq 79)"
plant files.sh scripts/a.sh "$(seq 200)"
plant files.sh scripts/b "$(seq 200)"
make_correct_tree
echo 'int x;' >"$tree/src/store/b.cpp"
expect fail files.sh 'no SPDX line'

plant headers.sh include/symmem/e.hpp
plant headers.sh include/symmem/extend/e.hpp
plant headers.sh include/symmem/b.hpp "$(seq 600)"
plant headers.sh include/symmem/b.hpp '#include "symmem/extend/c.hpp"'

plant transports.sh tests/unit/CMakeLists.txt 'add_subdirectory(ucx)'
plant transports.sh tests/unit/CMakeLists.txt '# USES_UCX'
plant transports.sh cmake/tests.cmake 'if(shm IN_LIST transports)'

for words in 'for who waits' 'lest it waits' 'begins Anew' 'whoever waits' 'is to be' 'It comes to 3.' \
  'let go of it' 'At the begin,' 'in vain' 'mend it' 'mends' 'mended'; do
  plant language.sh docs/b.md "$words"
done
plant language.sh src/group/b.cpp 'int a;  // Of a rank.'
plant language.sh src/group/b.cpp '/// Waits. Of two' '/// ranks.'
plant language.sh src/group/b.cpp '  /// This value is' '  /// to be sent.'
plant language.sh scripts/a.sh 'echo "mend what failed"'
exit "$failed"
