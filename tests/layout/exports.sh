#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks that the shared library shows what include/symmem declares and nothing else, and that what
# exceptions need is shown. usage: exports.sh <libsymmem.so> <include/symmem>
set -euo pipefail
export LC_ALL=C
command -v nm >/dev/null || { echo 'skipped: nm (binutils) is not installed'; exit 77; }

shown="$(nm -DC --defined-only "$1" | sed -E 's/^[0-9a-f]* *[A-Za-z] //')"
foreign="$(grep -vE '^((typeinfo|typeinfo name|vtable) for )?symmem::' <<<"$shown" || true)"
inner="$(grep '::Impl::' <<<"$shown" || true)"
if [[ -n $foreign$inner ]]; then
  printf 'symbols that are not of namespace symmem, or of the inside of its classes:\n%s\n' \
    "$foreign" "$inner"
  exit 1
fi
names="$(sed -E 's/^(typeinfo|typeinfo name|vtable) for //; s/^symmem::([A-Za-z_0-9]+).*/\1/' <<<"$shown" | sort -u)"
for name in $names; do
  grep -qwr -- "$name" "$2" || { echo "shown, but not declared in $2: $name"; exit 1; }
done
for symbol in 'typeinfo for symmem::Error' 'vtable for symmem::Error' 'symmem::Error::add_context('; do
  grep -qF "$symbol" <<<"$shown" || { echo "not shown: $symbol"; exit 1; }
done
