"""Where a study's packs run: in this process, on a Ray of the study's own, or on a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from invplat.core.errors import SettingRefused
from invplat.core.space import Params
from invplat.session import connected, room
from invplat.tune import local
from invplat.tune.driver import Driver
from invplat.tune.plan import StudyPlan
from invplat.tune.sent import Sent, runner
from invplat.tune.width import Widths, widest
from invplat.workload import Workload, installed

STORE = 1024**3  # bytes of memory that a Ray of our own keeps for the examples; what is more lies on disk
WIDTH_UNSEEN = 32  # trials in a pack on a GPU that this process can't measure


@dataclass(frozen=True)
class Place:
    address: str | None = None  # of a cluster
    in_process: bool = False
    gpus: bool = False  # one for each pack

    @contextmanager
    def open(self, workload: Workload, at_once: int | None = None) -> Iterator[int]:
        """How many packs run at once there: as was asked for, or as many as there is room for."""
        here = torch.cuda.device_count() if self.gpus else len(os.sched_getaffinity(0))
        if self.address is None and not here:
            raise SettingRefused("--gpus, but this machine has no GPU", hint="leave --gpus out, or name a cluster")
        if self.in_process:
            yield at_once or here
            return
        packages = {installed().get(workload.name, "").partition(":")[0], type(workload).__module__}
        shipped = sorted({package.partition(".")[0] for package in packages} - {"", "invplat", "builtins"})
        with connected(at_once or here, self.address, gpus=self.gpus, store=STORE, packages=shipped):
            from invplat.tune.trials import check_room

            check_room(at_once or 1, self.gpus)
            yield at_once or room()[1 if self.gpus else 0]

    def width(self, task: Sent, plan: StudyPlan, kept: Path) -> Callable[[Params], int]:
        """How many trials of a shape make a pack; `kept`: the file of what was measured before."""
        if self.gpus and not torch.cuda.is_available():
            return lambda params: WIDTH_UNSEEN if task.workload.fusable else 1
        return Widths(task.to(self.device), self.device, kept, widest(plan))

    def run(self, driver: Driver, task: Sent) -> None:
        make = partial(runner, task, driver.plan, self.device)
        if self.in_process:
            train = make()
            local.run(driver, lambda pack: train(pack, lambda *_: driver.tell()))
            return
        from invplat.tune import trials

        trials.run(driver, make, gpus=self.gpus)

    @property
    def device(self) -> str:
        return "cuda" if self.gpus else "cpu"
