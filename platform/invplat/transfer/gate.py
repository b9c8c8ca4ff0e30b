"""The gate: a new model is served only where, on windows held out, it is no worse than what could be served instead.

No worse in forecast error and in what its orders would have cost: within a margin, and not surely worse series by
series. For a model of its own in place of the untouched base there must also be something to gain: what a few weeks
tell is mostly of those weeks. A pure function of figures; who made them is not its business.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from invplat.core.errors import DatasetError
from invplat.evaluate.answers import Doubles

CANDIDATE, CHAMPION, BASE, NAIVE = "candidate", "champion", "base", "seasonal_naive"
SAID = {
    CANDIDATE: "the new model",
    CHAMPION: "the present champion",
    BASE: "the untouched base",
    NAIVE: "the seasonal naive",
}
ORDER = (CHAMPION, BASE, NAIVE)
MARGIN = 0.01  # of error or cost that a new model may lie above another
GAIN = 0.01  # share of the untouched base's error that a new model must save
SURE = 0.05  # chance that as much worse is chance, below which it is not


@dataclass(frozen=True)
class Judged:
    """What one model came to on held-out windows: an entry a series, the same series for all."""

    error: Doubles  # of its quantiles, in units
    cost: Doubles | None = None  # of its simulated orders; None where nothing could be ordered by them
    sold: Doubles | None = None  # what was sold in those windows
    missed: Doubles | None = None  # sum of absolute errors of its median

    @property
    def wape(self) -> float | None:
        """What people read; decided is by `error`."""
        if self.sold is None or self.missed is None:
            return None
        total = float(self.sold.sum())
        return float(self.missed.sum()) / total if total else None


@dataclass(frozen=True)
class Verdict:
    serves: str  # candidate, champion, base or seasonal_naive
    reason: str  # in a sentence
    figures: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)  # of each: error and cost, summed

    @property
    def promoted(self) -> bool:
        return self.serves == CANDIDATE


def decide(
    candidate: Judged | None,
    rivals: Mapping[str, Judged],
    *,
    margin: float = MARGIN,
    sure: float = SURE,
) -> Verdict:
    """`rivals`: the untouched base and the seasonal naive, and the champion where there is one. `candidate`: None where
    nothing new was learnt."""
    if not rivals:
        raise DatasetError("nothing to judge a new model against", hint="give the base and the seasonal naive at least")
    everyone = {**({CANDIDATE: candidate} if candidate is not None else {}), **rivals}
    figures = {name: _sums(one) for name, one in everyone.items()}
    if not any(len(one.error) for one in everyone.values()):
        kept = next(name for name in ORDER if name in rivals)
        return Verdict(kept, f"{SAID[kept]} is kept: no window is held out to judge a new one by", figures)
    best = min((name for name in ORDER if name in rivals), key=lambda name: float(rivals[name].error.sum()))
    if candidate is None:
        return Verdict(best, f"nothing new was learnt; {SAID[best]} is the best of the others", figures)
    if not np.isfinite(candidate.error).all():
        return Verdict(best, f"{SAID[best]} is served: the new model's answers are no numbers", figures)
    failed = [
        sentence
        for name in ORDER
        if name in rivals
        for sentence in _worse(candidate, rivals[name], SAID[name], margin, sure)
    ]
    if failed:
        return Verdict(best, f"{SAID[best]} is served: on {_count(candidate)} the new model's {failed[0]}", figures)
    if best == BASE and float(candidate.error.sum()) > (1 - GAIN) * float(rivals[BASE].error.sum()):
        change = _change(candidate, rivals[BASE])
        little = f"{SAID[best]} is served: on {_count(candidate)} the new model gains little ({change})"
        return Verdict(best, little, figures)
    gains = [f"{SAID[name]} (error {_change(candidate, rivals[name])})" for name in ORDER if name in rivals]
    return Verdict(CANDIDATE, f"on {_count(candidate)} no worse than {_listed(gains)}", figures)


def _worse(ours: Judged, theirs: Judged, whose: str, margin: float, sure: float) -> list[str]:
    found = []
    for what in ("error", "cost"):
        mine, other = getattr(ours, what), getattr(theirs, what)
        if mine is None or other is None:
            continue
        above = float(mine.sum()) / max(float(other.sum()), 1e-12) - 1
        if mine.sum() <= other.sum():
            continue
        if above > margin:
            found.append(f"{what} is {above:.1%} above that of {whose}")
        elif chance_of(mine - other) < sure:
            found.append(f"{what} is above that of {whose} by little ({above:.1%}), but in most series")
    return found


def chance_of(differences: Doubles) -> float:
    """That paired differences so far above zero are chance, by a one-sided t test; 1 where that can't be told."""
    known = differences[np.isfinite(differences)]
    if len(known) < 2:
        return 1.0
    spread = float(known.std(ddof=1))
    if spread == 0:
        return 1.0 if known[0] <= 0 else 0.0
    from scipy import stats

    return float(stats.t.sf(known.mean() / (spread / math.sqrt(len(known))), len(known) - 1))


def _sums(one: Judged) -> dict[str, float | None]:
    return {
        "error": float(one.error.sum()),
        "wape": one.wape,
        "cost": None if one.cost is None else float(one.cost.sum()),
    }


def _count(one: Judged) -> str:
    return f"{len(one.error)} held-out series"


def _change(ours: Judged, theirs: Judged) -> str:
    return f"{float(ours.error.sum()) / max(float(theirs.error.sum()), 1e-12) - 1:+.1%}"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
