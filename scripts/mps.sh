# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Runs commands under a CUDA multi-process service (MPS), with which processes that share a GPU run
# at the same time instead of in turns.

mps_control="" mps_dir=""

# Starts a service. The service ends when this script ends, even if a signal ends the script.
start_mps() {
  mps_control="$(command -v nvidia-cuda-mps-control || echo "$(dirname "$(command -v nvidia-smi)")/nvidia-cuda-mps-control")"
  [[ -x $mps_control ]] || { say "nvidia-cuda-mps-control not found"; return 1; }
  mps_dir="$(mktemp -d)"
  trap stop_mps EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  export CUDA_MPS_PIPE_DIRECTORY="$mps_dir/pipe" CUDA_MPS_LOG_DIRECTORY="$mps_dir/log"
  mkdir "$CUDA_MPS_PIPE_DIRECTORY" "$CUDA_MPS_LOG_DIRECTORY"
  env -u LD_LIBRARY_PATH "$mps_control" -d && return 0
  stop_mps
  return 1
}

stop_mps() {
  local pid
  [[ -n $mps_dir ]] || return 0
  # Kill the service if it does not stop, for example because it still has clients.
  pid="$(cat "$mps_dir/pipe/nvidia-cuda-mps-control.pid" 2>/dev/null || true)"
  echo "quit -t 10" | env -u LD_LIBRARY_PATH timeout 30 "$mps_control" >/dev/null 2>&1 ||
    { [[ -n $pid ]] && kill -KILL "$pid" 2>/dev/null; } || true
  unset CUDA_MPS_PIPE_DIRECTORY CUDA_MPS_LOG_DIRECTORY
  rm -rf "$mps_dir"
  mps_dir=""
}

# with_mps <command ...>: runs the command under a service. Returns 77 if the service cannot be
# started.
with_mps() {
  local status=0
  start_mps || return 77
  "$@" || status=$?
  stop_mps
  return $status
}
