# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Installs packages with apt, and tools at a fixed version from the Python package index.

installed() { [[ "$(dpkg-query -W -f='${db:Status-Abbrev}' "$1" 2>/dev/null)" == ?i* ]]; }

# Runs apt-get as root. Waits until other apt processes have ended.
apt() {
  local as_root=()
  if [[ $EUID -ne 0 ]]; then
    command -v sudo >/dev/null || die "cannot install packages: not root, and there is no sudo"
    as_root=(sudo)
  fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 \
    -o Dpkg::Use-Pty=0 "$@" >/dev/null
}

# need <package ...>: installs the missing packages. Downloads the package lists first if they are
# absent or outdated.
need() {
  local package missing=()
  command -v dpkg-query >/dev/null || return 0 # Not Debian: CMake reports missing packages.
  for package in "$@"; do
    installed "$package" || missing+=("$package")
  done
  [[ ${#missing[@]} -eq 0 ]] && return 0
  say "installing ${missing[*]} (this may take a minute)"
  compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null || apt update
  apt install -y --no-install-recommends "${missing[@]}" && return 0
  say "trying again with new package lists"
  apt update
  apt install -y --no-install-recommends "${missing[@]}" ||
    die "cannot install ${missing[*]}: install them and retry"
}

need_build_packages() {
  need g++ cmake ninja-build ccache pkgconf libboost-dev libssl-dev libfmt-dev libspdlog-dev \
    libcli11-dev nlohmann-json3-dev doctest-dev libucx-dev
}

# need_pinned <tool> <version>: installs an LLVM tool from the Python package index into
# build/tools, so that all machines run the same version, and prints the path of the program.
need_pinned() {
  local tool=$1 version=$2
  local dir=$PWD/build/tools/$tool-$version
  local program=$dir/${tool//-/_}/data/bin/$tool
  if [[ ! -x $program ]]; then
    python3 -m pip --version >/dev/null 2>&1 || need python3-pip >&2
    say "installing $tool $version" >&2
    rm -rf "$dir"
    python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --no-deps \
      --only-binary=:all: --target "$dir" "$tool==$version" >&2 ||
      die "cannot install $tool $version with pip"
  fi
  echo "$program"
}

# Prints the version of the newest installed clang with libFuzzer, else of the newest one in apt.
newest_clang() {
  local version
  for version in 19 18 17 16; do
    installed "clang-$version" && installed "libclang-rt-$version-dev" && echo $version && return
  done
  for version in 19 18 17 16; do
    [[ -n "$(apt-cache madison "libclang-rt-$version-dev" 2>/dev/null)" ]] && echo $version && return
  done
  return 1
}
