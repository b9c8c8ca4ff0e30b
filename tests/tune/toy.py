"""A study of a parabola: packs that take no time, so that a test can look at what goes on around them."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from invplat.core.space import Choice, Space, Uniform
from invplat.tune.driver import Run
from invplat.tune.plan import StudyPlan
from invplat.tune.search import Search, search_of
from invplat.tune.trial import Finished, Pack, State

SPACE = Space({"x": Uniform(-1.0, 1.0, 0.5, grid=(-0.5, 0.0, 0.5)), "wide": Choice((1, 2, 4), 1, shape=True)})


def toy_plan(**given: Any) -> StudyPlan:
    usual: dict[str, Any] = {
        "name": "toy",
        "workload": "mlp",
        "datasets": (("corner-shop", 1),),
        "search": "random",
        "trials": 24,
        "metrics": ("pinball",),
        "scheduler": "none",
        "epochs": 3,
        "patience": 0,
        "seed": 0,
        "max_concurrent": 2,
        "space": SPACE,
    }
    return StudyPlan(**{**usual, **given})


def toy_search(plan: StudyPlan, width: int = 4) -> Search:
    return search_of(plan, lambda params: width)


def parabola(pack: Pack) -> list[Finished]:
    return [
        Finished(
            number=trial.number,
            pack=pack.number,
            params=trial.params,
            seed=trial.seed,
            state=State.DONE,
            why="all epochs done",
            values={"pinball": float(trial.params["x"]) ** 2},
            loss=1.0,
            best=1,
            train=(1.0,),
            validation=(1.0,),
            seconds=0.1,
            finished_at=time.time(),
            where=socket.gethostname(),
        )
        for trial in pack.trials
    ]


def asked(finished: Sequence[Finished]) -> list[tuple[int, int, Mapping[str, Any]]]:
    """What was tried, whoever was first."""
    return sorted(((trial.number, trial.seed, trial.params) for trial in finished), key=lambda one: one[0])


@dataclass
class Notes:
    """Keeps a study in memory."""

    asked_packs: list[Pack] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)

    def asked(self, pack: Pack) -> None:
        self.asked_packs.append(pack)

    def done(self, pack: Pack, finished: Sequence[Finished]) -> None:
        self.ended.append(pack.number)


@dataclass(frozen=True)
class Make:
    """Makes the parabola in a worker, with a mishap where one is wanted. Is sent as it is: workers need no tests."""

    folder: Path | None = None  # where packs leave a file while they run, named by number and process
    slow: float = 0.0  # seconds a pack
    waits: Mapping[int, int] = field(default_factory=dict)  # a pack ends only when another has begun
    dies: int | None = None  # this pack ends its process,
    times: int = 1  # so often
    fails: int | None = None  # this pack raises
    leaves: int | None = None  # the process ends once, a moment after this pack

    def __call__(self) -> Run:
        return self.run

    def begun(self, pack: int) -> int:
        """How often, each time in another process."""
        return 0 if self.folder is None else len(list(self.folder.glob(f"{pack}.*")))

    def run(self, pack: Pack) -> list[Finished]:
        if self.folder is not None:
            (self.folder / f"{pack.number}.{os.getpid()}").touch()
        if pack.number == self.dies:
            assert self.folder is not None
            if self.begun(pack.number) <= self.times:
                os.kill(os.getpid(), signal.SIGKILL)
        if pack.number == self.fails:
            raise ValueError("no such net")
        time.sleep(self.slow)
        while self.folder and pack.number in self.waits and not self.begun(self.waits[pack.number]):
            time.sleep(0.02)
        if pack.number == self.leaves and self.begun(pack.number) == 1:
            threading.Timer(0.003, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return parabola(pack)
