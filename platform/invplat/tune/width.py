"""How many trials of a shape to train as one: measured where the study is asked, a few steps at each width.

Fusing pays as long as starting operations takes longer than the arithmetic; a wide net gains nothing. What was measured
is kept beside the home's other files, so that a study asks the same again.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path

from invplat.core.files import write_whole
from invplat.core.space import Params
from invplat.train.fused import Member
from invplat.train.pace import step_seconds
from invplat.train.plan import Plan
from invplat.tune import bayes
from invplat.tune.plan import StudyPlan
from invplat.tune.task import Task
from invplat.tune.trial import shape_names, shape_of

WIDTHS = (1, 2, 4, 8, 16, 32, 64, 128)
GAIN = 1.1  # so many times quicker must a wider pack make each member's step, to be worth waiting for


@dataclass
class Widths:
    """Widths by shape, measured once each."""

    task: Task
    device: str = "cpu"
    kept: Path | None = None  # a JSON file of widths measured before
    most: int = WIDTHS[-1]
    found: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kept is not None and self.kept.exists():
            self.found = _read(self.kept)

    def __call__(self, params: Params) -> int:
        key = self.key(params)
        if key not in self.found:
            self.found[key] = best(self.seconds(params), self.most) if self.task.workload.fusable else 1
            if self.kept is not None:
                self.kept.parent.mkdir(parents=True, exist_ok=True)
                write_whole(self.kept, json.dumps(self.found, indent=1, sort_keys=True).encode())
        return self.found[key]

    def key(self, params: Params) -> str:
        """All that a step's time hangs on."""
        workload, layout = self.task.workload, self.task.layout
        shape = " ".join(f"{name}={value}" for name, value in shape_of(workload.space, params))
        columns = len(layout.sees.names), len(layout.ahead.names), len(layout.static.names), sum(layout.ids.values())
        sizes = (layout.past, layout.horizon, len(layout.quantiles), *columns)
        where = f"{platform.machine()} {self.device}"
        return f"{workload.name} {shape} of {'/'.join(map(str, sizes))} on {where} up to {self.most}"

    def seconds(self, params: Params) -> Callable[[int], float]:
        task = self.task
        whole = task.workload.space.complete(params)
        plan = replace(Plan.of(whole, epochs=1, patience=0), order=0)

        def measured(width: int) -> float:
            members = [Member(whole, replace(plan, seed=seed)) for seed in range(width)]
            return step_seconds(task.workload, members, task.layout, task.train, self.device)

        return measured


def widest(plan: StudyPlan) -> int:
    """How wide a pack of a study may be at all; nothing wider need be measured."""
    if plan.search == "bayes":
        return bayes.widest(plan.trials or 0)
    most = WIDTHS[-1] if plan.trials is None else min(plan.trials, WIDTHS[-1])
    if plan.search != "grid":
        return most
    of_a_shape = prod(len(axis) for name, axis in plan.space.grid_axes().items() if name not in shape_names(plan.space))
    return min(of_a_shape, most)


def best(seconds: Callable[[int], float], most: int) -> int:
    """The narrowest width that is about as quick as any, for each of its members. They are tried from the narrowest on
    until two in a row gain nothing: a busy moment must not pass for a limit."""
    if most == 1:
        return 1
    paces: dict[int, float] = {}
    for width in (*(width for width in WIDTHS if width < most), most):
        paces[width] = seconds(width) / width
        last = list(paces.values())
        if len(last) > 2 and min(last[-2:]) * GAIN > min(last[:-2]):
            break
    return next(width for width, pace in paces.items() if pace <= min(paces.values()) * GAIN)


def _read(path: Path) -> dict[str, int]:
    """Nothing where the file is not what was written: it is measured again."""
    try:
        raw = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    sound = isinstance(raw, Mapping) and all(isinstance(value, int) and value >= 1 for value in raw.values())
    return dict(raw) if sound else {}
