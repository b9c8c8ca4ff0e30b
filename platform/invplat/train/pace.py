"""How long a step takes, of one fit or of a pack: a few steps, timed on the device. Nothing of them is kept."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from invplat.data.layout import Layout
from invplat.train.fused import Member, Pack
from invplat.train.loop import Run
from invplat.workload import Source, Workload

STEPS = 3  # after one that warms up; the quickest counts: whatever else the machine does only makes one slower


def step_seconds(workload: Workload, members: Sequence[Member], layout: Layout, train: Source, device: str) -> float:
    first = members[0]
    run: Run | Pack
    if len(members) == 1:
        module = workload.build(first.params, layout).to(device)
        run = Run(workload, layout, module, train, None, first.plan, device)
    else:
        run = Pack(workload, members, layout, train, None, device)
    which = torch.arange(min(first.plan.batch_size, len(train)), device=device)
    run.step(which, 0)
    return min(_timed(run, which, device) for _ in range(STEPS))


def _timed(run: Run | Pack, which: torch.Tensor, device: str) -> float:
    began = time.perf_counter()
    run.step(which, 0)
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    return time.perf_counter() - began
