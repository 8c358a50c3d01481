# SPDX-License-Identifier: Apache-2.0
"""Runs the work of bench_gpu on PyTorch's symmetric memory and NCCL, on 2, 4 and 8 GPUs.

NVLink multicast is off, as in bench_gpu. Prints one line per result with the median, the minimum
and the maximum of the rounds, or all samples as JSON. Features that the installed torch does not
support are reported as skipped, with the reason. Exits with 0 if torch is missing or there are
fewer than two GPUs.
"""
import argparse
import json
import os
import sys
import tempfile
import time

from torch_rank import BULK, Rank, text

SIZES = [1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20]
LIMIT = 300  # Time limit for the ranks of one job, in seconds.


def waits(rank, handle):
    """Returns whether the barrier waits for a late rank. In some backends it does not wait."""
    late = 20_000_000  # GPU cycles, about ten milliseconds.
    handle.barrier(channel=0)

    def work():
        if rank.rank == 0:
            rank.torch.cuda._sleep(late)  # pylint: disable=protected-access
        handle.barrier(channel=0)

    us = rank.torch.tensor([rank.timed(work)], device=rank.device)
    rank.dist.all_reduce(us, op=rank.dist.ReduceOp.MIN)
    return us.item() > 1000


def signals(rank, handle):
    names = ("barrier, in a graph", "put_signal + wait_signal round trip, in a graph")
    why = "barriers of this backend do not wait"
    try:
        if waits(rank, handle):
            why = ""
    except Exception as error:  # pylint: disable=broad-except
        why = (str(error) or repr(error)).splitlines()[0]
    if why:
        for name in names:
            rank.report({"what": name, "skipped": why})
        return
    rank.measure(names[0], "us", lambda: rank.in_graph(lambda: handle.barrier(channel=0)))

    def trip():
        if rank.first:
            handle.put_signal(rank.peer, channel=1)
        handle.wait_signal(rank.peer, channel=1)
        if not rank.first:
            handle.put_signal(rank.peer, channel=1)

    rank.measure(names[1], "us", lambda: rank.in_graph(trip))


def copies(rank, handle, bulk):
    """Measures copies to and from a peer's tensor with Tensor.copy_."""
    own = rank.torch.empty_like(bulk)

    def put():
        remote = handle.get_buffer(rank.peer, bulk.shape, bulk.dtype)
        bulk.zero_()
        own.fill_(3)
        values = rank.rates(lambda: remote.copy_(own))
        rank.barrier()
        if rank.rank == 1:
            rank.require(bulk, 3, "put")
        return values

    def get():
        remote = handle.get_buffer(rank.peer, bulk.shape, bulk.dtype)
        bulk.fill_(rank.rank + 4)
        rank.barrier()
        values = rank.rates(lambda: own.copy_(remote))
        if rank.rank == 0:
            rank.require(own, rank.peer + 4, "get")
        rank.barrier()
        return values

    rank.measure("put 128 MiB", "GB/s", put)
    rank.measure("get 128 MiB", "GB/s", get)


def nvshmem_copies(rank, bulk):
    """Measures nvshmem_put and nvshmem_get between the same tensor on two ranks."""
    ops = rank.torch.ops.symm_mem

    def put():
        bulk.fill_(rank.rank + 5)
        values = rank.rates(lambda: ops.nvshmem_put(bulk, rank.peer))
        rank.barrier()
        if rank.rank == 1:
            rank.require(bulk, 5, "nvshmem_put")
        return values

    def get():
        bulk.fill_(rank.rank + 7)
        rank.barrier()
        values = rank.rates(lambda: ops.nvshmem_get(bulk, rank.peer))
        if rank.rank == 0:
            rank.require(bulk, 8, "nvshmem_get")
        rank.barrier()
        return values

    rank.measure("nvshmem_put 128 MiB", "GB/s", put)
    rank.measure("nvshmem_get 128 MiB", "GB/s", get)


def one_shot_all_reduces(rank, dtype, name):
    torch = rank.torch
    buffer = rank.symm_mem.empty(SIZES[-1] // dtype.itemsize, dtype=dtype, device=rank.device)
    rank.symm_mem.rendezvous(buffer, rank.group)
    total = rank.size * (rank.size + 1) // 2
    for bytes_each in SIZES:
        part = buffer[: bytes_each // dtype.itemsize]

        def reduce(part=part):
            return torch.ops.symm_mem.one_shot_all_reduce(part, "sum", rank.group)

        def values(part=part, reduce=reduce):
            part.fill_(rank.rank + 1)
            rank.barrier()
            rank.require(reduce(), total, "one-shot all-reduce")
            return rank.in_graph(reduce)

        rank.measure(f"one-shot all-reduce {bytes_each >> 10} KiB {name}", "us", values)


def nccl_all_reduces(rank, dtype, name):
    total = rank.size * (rank.size + 1) // 2
    for bytes_each in SIZES:

        def values(bytes_each=bytes_each):
            plain = rank.torch.full((bytes_each // dtype.itemsize,), rank.rank + 1, dtype=dtype,
                                    device=rank.device)
            rank.dist.all_reduce(plain)
            rank.require(plain, total, "NCCL all-reduce")
            plain.zero_()  # The graph reduces `plain` repeatedly: sums of zeros do not overflow.
            return rank.in_graph(lambda: rank.dist.all_reduce(plain))

        rank.measure(f"all-reduce {bytes_each >> 10} KiB {name}", "us", values, by="NCCL")


def run_rank(number, size, backend, rounds, path, prints):
    rank = Rank(number, size, backend, rounds, path, prints)
    torch = rank.torch
    bulk = rank.symm_mem.empty(BULK // 2, dtype=torch.bfloat16, device=rank.device)
    handle = rank.symm_mem.rendezvous(bulk, rank.group)
    signals(rank, handle)
    if backend == "NVSHMEM":
        nvshmem_copies(rank, bulk)
    else:
        copies(rank, handle, bulk)
    # bench_gpu uses float32; published results use bfloat16.
    for dtype, name in ((torch.float32, "float32"), (torch.bfloat16, "bf16")):
        one_shot_all_reduces(rank, dtype, name)
        if backend == "CUDA":
            nccl_all_reduces(rank, dtype, name)
    rank.dist.destroy_process_group()


def run(torch, size, backend, port, arguments, path):
    """Runs one job. If the job fails, the results reported before the failure are kept."""
    os.environ["MASTER_PORT"] = str(port)
    prints = not arguments.json
    job = torch.multiprocessing.spawn(
        run_rank, args=(size, backend, arguments.rounds, path, prints), nprocs=size, join=False)
    end = time.monotonic() + LIMIT
    try:
        while not job.join(timeout=1):
            if time.monotonic() > end:
                raise TimeoutError(f"the job did not complete within {LIMIT} s")
        return True
    except Exception as error:  # pylint: disable=broad-except
        for process in job.processes:
            if process.is_alive():
                process.kill()
        lines = [line for line in str(error).splitlines() if line.strip()]
        row = {"ranks": size, "by": backend, "what": "the rest",
               "skipped": lines[-1] if lines else repr(error)}
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        if prints:
            print(text(row), flush=True)
        return "WrongData" not in str(error)


def backends(torch, say):
    yield "CUDA"
    import torch.distributed._symmetric_memory as symm_mem

    if not hasattr(symm_mem, "set_backend") or not hasattr(symm_mem, "is_nvshmem_available"):
        say(f"NVSHMEM skipped: torch {torch.__version__} does not support it")
    elif not symm_mem.is_nvshmem_available():
        say("NVSHMEM skipped: torch is built without NVSHMEM, or NVSHMEM is not installed")
    else:
        yield "NVSHMEM"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print all samples as JSON")
    parser.add_argument("--rounds", type=int, default=15, help="number of samples of each result")
    arguments = parser.parse_args()

    def say(line):
        print(f"torch  {line}", file=sys.stderr if arguments.json else sys.stdout, flush=True)

    try:
        import torch
    except ImportError:
        say("skipped: torch is not installed for this Python")
        if arguments.json:
            print("[]")
        return 0
    gpus = torch.cuda.device_count()
    sizes = [size for size in (2, 4, 8) if size <= gpus]
    if not sizes:
        say("skipped: fewer than two GPUs")
    os.environ.update(MASTER_ADDR="127.0.0.1", TORCH_SYMM_MEM_DISABLE_MULTICAST="1",
                      NCCL_NVLS_ENABLE="0", NVSHMEM_DISABLE_NVLS="1")
    port = int(os.environ.get("MASTER_PORT", "29517"))
    ok = True
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "rows")
        for backend in backends(torch, say) if sizes else ():
            for size in sizes:
                ok = run(torch, size, backend, port, arguments, path) and ok
                port += 1
        rows = []
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                rows = [json.loads(line) for line in file]
    if arguments.json:
        print(json.dumps(rows, indent=1))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
