"""Asking for trials in packs and being told of them, so that the same seed gives the same trials everywhere.

Pack n is asked from what packs up to n − `lag` came to, never from less or more, whatever finishes first. So the speed
of machines, their number and an interruption leave no trace in what is tried. Knows no torch and no Ray.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from hashlib import blake2b
from typing import Protocol

from invplat.core.errors import StorageError
from invplat.core.space import Params, Value
from invplat.tune.halving import Halving
from invplat.tune.plan import StudyPlan
from invplat.tune.trial import Asked, Finished, Pack

SEEDS = 2**31


class Wait(Enum):
    WAIT = "wait"  # nothing can be asked before more is told


WAIT = Wait.WAIT


class Search(Protocol):
    def ask(self) -> Pack | Wait | None:
        """The next pack; None where nothing is left."""
        ...

    def tell(self, pack: int, finished: Sequence[Finished]) -> None:
        """All trials of a pack, once; packs may come in any order."""
        ...


class Chooser(Protocol):
    """How a search finds its points. Told of packs in their order, and only of what it may know by now."""

    @property
    def total(self) -> int:
        """How many trials it will ask for."""
        ...

    @property
    def learns(self) -> bool:
        """What it chooses depends on what it was told."""
        ...

    def choose(self, pack: int, first: int) -> list[dict[str, Value]]:
        """Params of one shape for the pack of this number, whose first trial has the number `first`."""
        ...

    def remember(self, trials: Sequence[Asked]) -> None:
        """These were chosen before an interruption."""
        ...

    def learn(self, finished: Sequence[Finished]) -> None: ...


def search_of(
    plan: StudyPlan,
    width: Callable[[Params], int],
    *,
    told: Sequence[Finished] = (),
    asked: Sequence[Pack] = (),
    warm: Sequence[Params] = (),
) -> Search:
    """`width`: how many trials of a shape are best trained as one. `told` and `asked`: of a study that is gone on with;
    packs that were asked and not told are handed out again, as they were, before any new one."""
    from invplat.tune.bayes import Bayes
    from invplat.tune.grid import grid, independent

    chooser: Chooser
    if plan.search == "bayes":
        chooser = Bayes(plan, width, warm)
    elif plan.search == "random":
        chooser = independent(plan, width, warm)
    else:
        chooser = grid(plan, width)  # what another study found changes nothing about a grid's points
    return _Search(plan, chooser, told, asked)


def lag(max_concurrent: int) -> int:
    """How many packs back a search sees. Twice as many as run at once, so that none waits for a slow neighbour; one
    after another, there is none to wait for."""
    return 1 if max_concurrent == 1 else 2 * max_concurrent


def seed_of(study: int, number: int) -> int:
    """Of a trial: no two of a study share one."""
    start = int.from_bytes(blake2b(str(study).encode(), digest_size=8).digest(), "little")
    return (start + number * 0x9E3779B1) % SEEDS  # the factor is odd, so numbers never meet


class _Search:
    def __init__(self, plan: StudyPlan, chooser: Chooser, told: Sequence[Finished], asked: Sequence[Pack]) -> None:
        self._plan, self._chooser = plan, chooser
        self._halving = Halving(plan.scheduler, plan.epochs)
        self._lag = lag(plan.max_concurrent) if chooser.learns or self._halving.rungs else None
        self._known: list[Finished] = []  # what may be known by now
        self._packs = 0  # asked for
        self._trials = 0
        self._learnt = 0  # packs that the chooser and the rungs know of
        self._open: dict[int, Pack] = {}  # asked, not told
        self._told: dict[int, list[Finished]] = {}  # not yet known
        self._again: deque[Pack] = deque()
        for pack in _packs(asked, told):
            self._remember(pack)
        for number, finished in _by_pack(told).items():
            if {trial.number for trial in finished} == {trial.number for trial in self._open[number].trials}:
                self.tell(number, finished)
        self._again.extend(self._open.values())

    def ask(self) -> Pack | Wait | None:
        if self._again:
            return self._again.popleft()
        if self._trials >= self._chooser.total:
            return None
        if self._lag is not None and not self._learn(self._packs - self._lag):
            return WAIT
        chosen = self._chooser.choose(self._packs, self._trials)
        trials = tuple(
            Asked(number, params, seed_of(self._plan.seed, number))
            for number, params in enumerate(chosen, start=self._trials)
        )
        pack = Pack(self._packs, trials, self._halving.seen(self._known))
        self._count(pack)
        return pack

    def tell(self, pack: int, finished: Sequence[Finished]) -> None:
        if pack not in self._open:
            raise ValueError(f"pack {pack} is told of, but was not asked for or was told already")
        wanted = [trial.number for trial in self._open[pack].trials]
        if sorted(trial.number for trial in finished) != wanted:
            raise ValueError(f"pack {pack} has trials {wanted}, told of {[trial.number for trial in finished]}")
        del self._open[pack]
        self._told[pack] = sorted(finished, key=lambda trial: trial.number)

    def _learn(self, last: int) -> bool:
        """All packs up to this number, in order; False where one of them is still out."""
        while self._learnt <= last:
            if self._learnt not in self._told:
                return False
            finished = self._told.pop(self._learnt)
            self._chooser.learn(finished)
            self._known += finished
            self._learnt += 1
        return True

    def _remember(self, pack: Pack) -> None:
        if pack.number != self._packs or pack.trials[0].number != self._trials:
            raise StorageError(
                f"the study's record lacks pack {self._packs}",
                hint=f"begin another study with what this one found: --warm-start {self._plan.name}",
            )
        self._chooser.remember(pack.trials)
        self._count(pack)

    def _count(self, pack: Pack) -> None:
        self._open[pack.number] = pack
        self._packs += 1
        self._trials += len(pack.trials)


def _by_pack(told: Iterable[Finished]) -> dict[int, list[Finished]]:
    found: dict[int, list[Finished]] = {}
    for trial in told:
        found.setdefault(trial.pack, []).append(trial)
    return found


def _packs(asked: Sequence[Pack], told: Sequence[Finished]) -> list[Pack]:
    """All that were asked for, in order, also those of which only the end was kept."""
    found = {pack.number: pack for pack in asked}
    for number, finished in _by_pack(told).items():
        trials = sorted(finished, key=lambda trial: trial.number)
        found.setdefault(number, Pack(number, tuple(Asked(trial.number, trial.params, trial.seed) for trial in trials)))
    return [found[number] for number in sorted(found)]
