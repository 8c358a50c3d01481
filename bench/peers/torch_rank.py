# SPDX-License-Identifier: Apache-2.0
"""One rank of torch_symm_mem.py: its clocks, and how it tells what it has measured."""
import json
import statistics
import warnings

NODES = 100  # In one graph.
BULK = 128 << 20


class WrongData(Exception):
    pass


def text(row):
    what = f"{row['ranks']} ranks, {row['by']}: {row['what']}"
    if "skipped" in row:
        return f"torch  {what:<72} skipped: {row['skipped']}"
    values = row["values"]
    spread = f"{statistics.median(values):9.3f} ({min(values):.3f}..{max(values):.3f})"
    return f"torch  {what:<72} {spread} {row['unit']}"


class Rank:
    """One rank: its clocks, and where rank 0 writes what it has measured."""

    def __init__(self, rank, size, backend, rounds, path, prints):
        import torch
        import torch.distributed as dist
        import torch.distributed._symmetric_memory as symm_mem

        self.torch, self.dist, self.symm_mem = torch, dist, symm_mem
        self.rank, self.size, self.by, self.rounds = rank, size, backend, rounds
        self.path, self.prints = path, prints
        self.peer = rank ^ 1  # Ranks work in pairs.
        self.first = rank % 2 == 0
        self.device = torch.device("cuda", rank)
        torch.cuda.set_device(self.device)
        dist.init_process_group("nccl", rank=rank, world_size=size, device_id=self.device)
        self.group = dist.group.WORLD.group_name
        if backend != "CUDA":
            symm_mem.set_backend(backend)
        with warnings.catch_warnings():  # Older ones need it, newer ones call it obsolete.
            warnings.simplefilter("ignore")
            symm_mem.enable_symm_mem_for_group(self.group)

    def tell(self, row, by=None):
        if self.rank != 0:
            return
        row = {"ranks": self.size, "by": by or self.by, **row}
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        if self.prints:
            print(text(row), flush=True)

    def measure(self, what, unit, values, by=None):
        """Tells what `values` returns, or why it cannot. All ranks fail alike, or the job is ended."""
        try:
            self.tell({"what": what, "unit": unit, "values": values()}, by)
        except WrongData:
            raise
        except Exception as error:  # pylint: disable=broad-except
            self.tell({"what": what, "skipped": (str(error) or repr(error)).splitlines()[0]}, by)

    def meet(self):
        self.dist.barrier()
        self.torch.cuda.synchronize()

    def timed(self, work):
        """Microseconds of `work` on the current stream, begun by all ranks together."""
        self.meet()
        event = self.torch.cuda.Event
        begin, end = event(enable_timing=True), event(enable_timing=True)
        begin.record()
        work()
        end.record()
        self.torch.cuda.synchronize()
        return 1e3 * begin.elapsed_time(end)

    def in_graph(self, call):
        """Times of one `call` in a graph of many."""
        call()  # Warm, and out of the capture what is done once.
        self.meet()
        graph = self.torch.cuda.CUDAGraph()
        with self.torch.cuda.graph(graph):
            for _ in range(NODES):
                call()
        graph.replay()
        return [self.timed(graph.replay) / NODES for _ in range(self.rounds)]

    def rates(self, work):
        """GB/s of `work` on BULK bytes, by rank 0 alone."""
        mine = work if self.rank == 0 else lambda: None
        mine()
        return [BULK / self.timed(mine) / 1e3 for _ in range(self.rounds)]

    def require(self, tensor, value, what):
        self.torch.cuda.synchronize()
        if not bool((tensor == value).all()):
            raise WrongData(f"{what}: the data are wrong on rank {self.rank} of {self.size}")
