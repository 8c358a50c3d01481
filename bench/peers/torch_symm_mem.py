# SPDX-License-Identifier: Apache-2.0
"""PyTorch's symmetric memory and NCCL on the work of bench_gpu: two ranks, a GPU each.

Prints a line a figure, the median of the rounds with least and most. Without torch, or with fewer
than two GPUs, it says so and ends well.
"""
import os
import statistics
import sys

NODES = 100  # In one graph.
ROUNDS = 15
BULK = 128 << 20


def say(what, unit, values):
    middle = statistics.median(values)
    print(f"torch  {what:<52} {middle:8.3f} ({min(values):.3f}..{max(values):.3f}) {unit}", flush=True)


def be_rank(rank, size):
    import torch
    import torch.distributed as dist
    import torch.distributed._symmetric_memory as symm_mem

    device = torch.device("cuda", rank)
    torch.cuda.set_device(device)
    dist.init_process_group("nccl", rank=rank, world_size=size, device_id=device)
    group = dist.group.WORLD.group_name
    peer = (rank + 1) % size

    def timed(work):
        """Microseconds of `work` on the current stream, begun by all ranks together."""
        dist.barrier()
        torch.cuda.synchronize()
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        work()
        end.record()
        torch.cuda.synchronize()
        return 1e3 * begin.elapsed_time(end)

    def in_graph(call):
        """Times of one `call` in a graph of many."""
        call()  # Warm, and out of the capture what is done once.
        torch.cuda.synchronize()
        dist.barrier()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for _ in range(NODES):
                call()
        graph.replay()
        return [timed(graph.replay) / NODES for _ in range(ROUNDS)]

    def tell(what, unit, values):
        if rank == 0:
            say(what, unit, values)

    bulk = symm_mem.empty(BULK // 2, dtype=torch.bfloat16, device=device)
    handle = symm_mem.rendezvous(bulk, group)
    tell("barrier, in a graph", "us", in_graph(lambda: handle.barrier(channel=0)))

    def trip():
        if rank == 0:
            handle.put_signal(peer, channel=1)
            handle.wait_signal(peer, channel=1)
        else:
            handle.wait_signal(peer, channel=1)
            handle.put_signal(peer, channel=1)

    tell("put_signal + wait_signal round trip, in a graph", "us", in_graph(trip))
    theirs = handle.get_buffer(peer, bulk.shape, bulk.dtype)
    own = torch.empty_like(bulk)
    for what, work in (("put", lambda: theirs.copy_(own)), ("get", lambda: own.copy_(theirs))):
        rates = [BULK / timed(work if rank == 0 else lambda: None) / 1e3 for _ in range(ROUNDS)]
        tell(f"{what} 128 MiB", "GB/s", rates)
    for bytes_each in (1 << 10, 8 << 10, 64 << 10, 256 << 10, 1 << 20):
        part = bulk[: bytes_each // 2]
        values = in_graph(lambda: torch.ops.symm_mem.one_shot_all_reduce(part, "sum", group))
        tell(f"one-shot all-reduce {bytes_each >> 10} KiB bf16, in a graph", "us", values)
        plain = torch.zeros(bytes_each // 2, dtype=torch.bfloat16, device=device)
        values = in_graph(lambda: dist.all_reduce(plain))
        tell(f"NCCL all-reduce {bytes_each >> 10} KiB bf16, in a graph", "us", values)
    dist.destroy_process_group()


def main():
    try:
        import torch
    except ImportError:
        print("torch  skipped: no torch in this Python")
        return
    size = min(torch.cuda.device_count(), 2)
    if size < 2:
        print("torch  skipped: fewer than two GPUs")
        return
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=os.environ.get("MASTER_PORT", "29517"),
                      TORCH_SYMM_MEM_DISABLE_MULTICAST="1", NCCL_NVLS_ENABLE="0")
    torch.multiprocessing.spawn(be_rank, args=(size,), nprocs=size)


if __name__ == "__main__":
    sys.exit(main())
