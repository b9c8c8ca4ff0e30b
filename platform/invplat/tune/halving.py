"""Which members of a pack go on: at a few epochs, the rungs, those whose loss is among the best seen there.

Decided from numbers alone, so the same study stops the same trials wherever it runs. Knows no nets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite

from invplat.tune.plan import check_scheduler
from invplat.tune.trial import Finished, State

RATE = 3  # asha: one of three goes on, and rungs are three times apart
FEW = 3  # median: of fewer losses than these nobody is judged


class Halving:
    """`rungs`: the epochs at which it looks, ascending; none for few epochs or the scheduler `none`."""

    def __init__(self, scheduler: str, epochs: int) -> None:
        self.scheduler, self.epochs = check_scheduler(scheduler), epochs
        self.rungs = _rungs(epochs) if scheduler != "none" else ()

    def stay(self, epoch: int, losses: Mapping[int, float], seen: Mapping[int, Sequence[float]]) -> set[int]:
        """Of the members with these losses, by trial, those that go on after this epoch; `seen`: losses at each rung
        in packs told before.

        The best ever seen at a rung always goes on, so of the first pack somebody does. Of a later one nobody may: a
        pack that has come down to one member takes nearly as long as a full one.
        """
        if epoch not in self.rungs:
            return set(losses)
        mine = {trial: loss for trial, loss in losses.items() if isfinite(loss)}
        known = sorted((*mine.values(), *filter(isfinite, seen.get(epoch, ()))))
        if not known:
            return set()
        if self.scheduler == "median":
            limit = _median(known) if len(known) >= FEW else known[-1]
        else:
            limit = known[max(1, len(known) // RATE) - 1]
        return {trial for trial, loss in mine.items() if loss <= limit}

    def seen(self, finished: Iterable[Finished]) -> dict[int, tuple[float, ...]]:
        """By rung, the losses of all trials that came so far; one that ended before by itself stands there with its
        best."""
        trials = list(finished)
        return {rung: tuple(loss for trial in trials for loss in _there(trial, rung)) for rung in self.rungs}


def _rungs(epochs: int) -> tuple[int, ...]:
    """From about a ninth of the epochs on; none in the second half, where too little is left to be saved."""
    found, rung = [], max(1, epochs // RATE**2)
    while 2 * rung <= epochs:
        found.append(rung)
        rung *= RATE
    return tuple(found)


def _median(ascending: Sequence[float]) -> float:
    middle = len(ascending) // 2
    return ascending[middle] if len(ascending) % 2 else (ascending[middle - 1] + ascending[middle]) / 2


def _there(trial: Finished, rung: int) -> tuple[float, ...]:
    if len(trial.validation) >= rung:
        loss = trial.validation[rung - 1]
    elif trial.state is State.DONE and trial.validation:
        loss = min(trial.validation)
    else:
        return ()
    return (loss,) if isfinite(loss) else ()
