"""A study while it runs, whatever runs its packs: what is next, what came back, what is written down, how far it is.

A pack is written down before it runs and again when it has ended, so that a study that was killed can be gone on with.
In which order packs end leaves no trace: the search sees to that. Knows no torch, no Ray and no storage.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from invplat.core.errors import InvplatError
from invplat.tune.plan import StudyPlan
from invplat.tune.search import Search, Wait
from invplat.tune.trial import Finished, Pack, State

Run = Callable[[Pack], list[Finished]]  # trains a pack and judges its trials


def trials_of(plan: StudyPlan) -> int:
    """How many a study is to have."""
    if plan.search != "grid":
        return plan.trials or 0
    points = plan.space.grid_size()
    return points if plan.trials is None else min(plan.trials, points)


def trouble(error: BaseException) -> str:
    """Why a pack failed, in a line."""
    if isinstance(error, InvplatError):
        return error.message
    return f"{type(error).__name__}: {error}".rstrip(": ").split("\n")[0]


class Kept(Protocol):
    """Where a study is written down."""

    def asked(self, pack: Pack) -> None: ...
    def done(self, pack: Pack, finished: Sequence[Finished]) -> None: ...


@dataclass(frozen=True)
class Standing:
    """How far a study is."""

    metric: str
    total: int  # trials it is to have
    ended: int  # trials that need not be run again
    running: int
    counts: dict[State, int]
    best: Finished | None  # by the first metric
    rate: float | None  # trials a minute, in this run
    left: float | None  # seconds, as far as can be told

    @property
    def value(self) -> float | None:
        return None if self.best is None else self.best.values[self.metric]


class Driver:
    """The two doors, in this process and on Ray, ask it for packs and hand it results; both are as thin as can be."""

    def __init__(
        self,
        plan: StudyPlan,
        search: Search,
        kept: Kept,
        *,
        finished: Sequence[Finished] = (),
        budget: float | None = None,
        watch: Callable[[Standing], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`finished`: what an earlier run of the study brought. `budget`: seconds, after which no more packs begin."""
        self.plan, self.search, self.kept = plan, search, kept
        self.budget, self.watch, self.clock = budget, watch, clock
        self.total = trials_of(plan)
        self.running: dict[int, Pack] = {}
        self.finished = list(finished)
        self._best: Finished | None = None
        self._counts = dict.fromkeys(State, 0)
        for trial in finished:
            self._count(trial)
        self._before = len(finished)
        self._began = clock()

    @property
    def out_of_time(self) -> bool:
        return self.budget is not None and self.clock() - self._began >= self.budget

    @property
    def complete(self) -> bool:
        return len(self.finished) >= self.total

    def next(self) -> Pack | Wait | None:
        """What is to run now; Wait while others have to end before, None when nothing is left to begin."""
        if self.out_of_time:
            return None
        if len(self.running) >= self.plan.max_concurrent:
            return Wait.WAIT
        pack = self.search.ask()
        if isinstance(pack, Pack):
            self.kept.asked(pack)
            self.running[pack.number] = pack
            self.tell()
        return pack

    def done(self, pack: int, finished: Sequence[Finished]) -> None:
        """A pack has ended. A pack that was run twice, as its first process was thought dead, counts once."""
        asked = self.running.get(pack)
        if asked is None:
            return
        self.kept.done(asked, finished)
        del self.running[pack]
        self.search.tell(pack, finished)
        self.finished += finished
        for trial in finished:
            self._count(trial)
        self.tell()

    def lost(self, pack: int, why: str) -> None:
        """A pack could not be run: its trials have failed, the study goes on."""
        asked = self.running.get(pack)
        if asked is not None:
            now, here = time.time(), socket.gethostname()
            self.done(
                pack,
                [
                    Finished(
                        number=trial.number,
                        pack=pack,
                        params=trial.params,
                        seed=trial.seed,
                        state=State.FAILED,
                        why=why,
                        values=dict.fromkeys(self.plan.metrics),
                        loss=None,
                        best=0,
                        train=(),
                        validation=(),
                        seconds=0.0,
                        finished_at=now,
                        where=here,
                    )
                    for trial in asked.trials
                ],
            )

    def tell(self) -> None:
        if self.watch is not None:
            self.watch(self.standing())

    def standing(self) -> Standing:
        ended, passed = len(self.finished), self.clock() - self._began
        rate = 60 * (ended - self._before) / passed if ended > self._before and passed > 0 else None
        left = 60 * max(self.total - ended, 0) / rate if rate else None
        if self.budget is not None:
            rest = max(self.budget - passed, 0.0)
            left = rest if left is None else min(left, rest)
        running = sum(len(pack.trials) for pack in self.running.values())
        return Standing(self.plan.metrics[0], self.total, ended, running, dict(self._counts), self._best, rate, left)

    def _count(self, trial: Finished) -> None:
        self._counts[trial.state] += 1
        metric = self.plan.metrics[0]
        value, least = trial.values.get(metric), None if self._best is None else self._best.values[metric]
        if value is not None and (least is None or value < least):
            self._best = trial
