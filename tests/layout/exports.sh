#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks that the shared library exports what include/symmem declares, the type information that
# exceptions need, and nothing else. usage: exports.sh <libsymmem.so> <include/symmem>
set -euo pipefail
export LC_ALL=C
command -v nm >/dev/null || { echo 'skipped: nm (binutils) is not installed'; exit 77; }

exported="$(nm -DC --defined-only "$1" | sed -E 's/^[0-9a-f]* *[A-Za-z] //; s/^(unsigned )?(int|long) symmem::/symmem::/')"
foreign="$(grep -vE '^((typeinfo|typeinfo name|vtable) for )?symmem::' <<<"$exported" || true)"
inner="$(grep '::Impl::' <<<"$exported" || true)"
if [[ -n $foreign$inner ]]; then
  printf 'exported, but outside namespace symmem or a member of an Impl:\n%s\n' \
    "$foreign" "$inner"
  exit 1
fi
names="$(sed -E 's/^(typeinfo|typeinfo name|vtable) for //; s/^symmem::([A-Za-z_0-9]+).*/\1/' <<<"$exported" | sort -u)"
for name in $names; do
  grep -qwr -- "$name" "$2" || { echo "exported, but not declared in $2: $name"; exit 1; }
done
for symbol in 'typeinfo for symmem::Error' 'vtable for symmem::Error' 'symmem::Error::add_context('; do
  grep -qF "$symbol" <<<"$exported" || { echo "not exported: $symbol"; exit 1; }
done
