# SPDX-License-Identifier: Apache-2.0
"""One rank of torch_symm_mem.py: measures, checks and reports."""
import json
import statistics
import warnings

NODES = 100  # Number of calls in one graph.
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
    """One rank of a job. Rank 0 appends its results to the file `path`."""

    def __init__(self, rank, size, backend, rounds, path, prints):
        import torch
        import torch.distributed as dist
        import torch.distributed._symmetric_memory as symm_mem

        self.torch, self.dist, self.symm_mem = torch, dist, symm_mem
        self.rank, self.size, self.by, self.rounds = rank, size, backend, rounds
        self.path, self.prints = path, prints
        self.peer = rank ^ 1  # Ranks form pairs.
        self.first = rank % 2 == 0
        self.device = torch.device("cuda", rank)
        torch.cuda.set_device(self.device)
        dist.init_process_group("nccl", rank=rank, world_size=size, device_id=self.device)
        self.group = dist.group.WORLD.group_name
        if backend != "CUDA":
            symm_mem.set_backend(backend)
        # The call below is deprecated, but older versions of torch require it.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            symm_mem.enable_symm_mem_for_group(self.group)

    def report(self, row, by=None):
        if self.rank != 0:
            return
        row = {"ranks": self.size, "by": by or self.by, **row}
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        if self.prints:
            print(text(row), flush=True)

    def measure(self, what, unit, values, by=None):
        """Reports samples from values() or its error. values() fails on all ranks or on none."""
        try:
            self.report({"what": what, "unit": unit, "values": values()}, by)
        except WrongData:
            raise
        except Exception as error:  # pylint: disable=broad-except
            self.report({"what": what, "skipped": (str(error) or repr(error)).splitlines()[0]}, by)

    def barrier(self):
        self.dist.barrier()
        self.torch.cuda.synchronize()

    def timed(self, work):
        """Calls a barrier, then `work`. Returns the GPU time of `work` in microseconds."""
        self.barrier()
        event = self.torch.cuda.Event
        begin, end = event(enable_timing=True), event(enable_timing=True)
        begin.record()
        work()
        end.record()
        self.torch.cuda.synchronize()
        return 1e3 * begin.elapsed_time(end)

    def in_graph(self, call):
        """Returns samples of the time of one `call` in a graph of NODES calls, in microseconds."""
        call()  # Warm-up, because initialisation must not be captured.
        self.barrier()
        graph = self.torch.cuda.CUDAGraph()
        with self.torch.cuda.graph(graph):
            for _ in range(NODES):
                call()
        graph.replay()
        return [self.timed(graph.replay) / NODES for _ in range(self.rounds)]

    def rates(self, work):
        """Returns samples of the rate of `work` on BULK bytes in GB/s. Only rank 0 runs `work`."""
        mine = work if self.rank == 0 else lambda: None
        mine()
        return [BULK / self.timed(mine) / 1e3 for _ in range(self.rounds)]

    def require(self, tensor, value, what):
        self.torch.cuda.synchronize()
        if not bool((tensor == value).all()):
            raise WrongData(f"{what}: wrong data on rank {self.rank} of {self.size}")
