"""How much each param decides of the order of a study's trials, and how sure that is. Knows no pictures.

A forest learns the rank of a trial from its params; what a param alone explains of the forest's spread over the whole
space is its share (functional ANOVA, first order). Ranks, because one trial that ran away would else decide alone. It
is done again on resampled trials, each time beside a made-up param that changed nothing: a share no larger than that
one's is chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from invplat.core.space import Choice, Dimension, Params, Space, Value
from invplat.evaluate.answers import Doubles

LEAST = 20  # trials, and LEAST_EACH for each param: of fewer, a forest learns the noise
LEAST_EACH = 4
RESAMPLED = 12
TREES = 24
POINTS, STEPS = 160, 12  # of the space: where the forest is asked, and values along one param
WEAK = 0.2  # of the order explained; below it the shares are no guide


@dataclass(frozen=True)
class Share:
    mean: float
    low: float  # the tenth and the ninetieth of a hundred resamplings
    high: float


@dataclass(frozen=True)
class Importance:
    """`note` says why there are no shares, or what to think of them."""

    shares: Mapping[str, Share]  # the largest first
    chance: float  # a share that a param that changed nothing had in one resampling of ten
    explained: float | None  # of the order of trials that the forest had not seen, at best 1
    trials: int
    note: str = ""

    @property
    def telling(self) -> list[str]:
        """Params whose share stands out from chance."""
        if self.explained is None or self.explained < WEAK:
            return []
        return [name for name, share in self.shares.items() if share.low > self.chance]


def importance(space: Space, params: Sequence[Params], values: Sequence[float | None], seed: int = 0) -> Importance:
    """`values`: smaller is better; None, of a trial that diverged, is worse than any."""
    names = [name for name in space.dimensions if len({one[name] for one in params}) > 1]
    least = max(LEAST, LEAST_EACH * len(names))
    if not names:
        return Importance({}, 0.0, None, len(params), "no param was varied")
    if len(params) < least:
        note = (
            f"{len(params)} trials are too few to say which of {len(names)} params matter: at least {least} are needed"
        )
        return Importance({}, 0.0, None, len(params), note)
    ranks = _ranks(values)
    if not np.ptp(ranks):
        return Importance({}, 0.0, None, len(params), "all trials came out the same")
    places = np.array([[place_of(space.dimensions[name], one[name]) for name in names] for one in params])
    random = np.random.default_rng(seed)
    found = np.array([_shares(places, ranks, random) for _ in range(RESAMPLED)])
    low, high = np.quantile(found, (0.1, 0.9), axis=0)
    mean = found.mean(axis=0)
    order = sorted(range(len(names)), key=lambda number: -mean[number])
    shares = {names[number]: Share(float(mean[number]), float(low[number]), float(high[number])) for number in order}
    explained = _explained(places, ranks, seed)
    note = ""
    if explained < WEAK:
        note = (
            f"the params explain little of the order (R² {explained:.2f} on trials not seen): take no share in earnest"
        )
    return Importance(shares, float(high[-1]), explained, len(params), note)


def place_of(dimension: Dimension, value: Value) -> float:
    """Where a value lies in its dimension, 0 at its low end and 1 at its high end; options in their order."""
    if isinstance(dimension, Choice):
        options = ordered(dimension)
        return options.index(value) / max(len(options) - 1, 1)
    low, high, at = float(dimension.low), float(dimension.high), float(value)
    if dimension.log:
        low, high, at = log(low), log(high), log(at)
    return (at - low) / (high - low) if high > low else 0.5


def ordered(dimension: Choice) -> list[Value]:
    """Every option once, those of the grid too: numbers by size, texts as they were written."""
    options = list(dict.fromkeys((*dimension.options, *dimension.grid)))
    return options if any(isinstance(option, str) for option in options) else sorted(options, key=float)


def _ranks(values: Sequence[float | None]) -> Doubles:
    """From 0, the best, to 1; equal values share a rank."""
    known = np.array([np.inf if value is None else value for value in values])
    _, place, count = np.unique(known, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - (count + 1) / 2
    ranks: Doubles = middle[place] / max(len(known) - 1, 1)
    return ranks


def _shares(places: Doubles, ranks: Doubles, random: np.random.Generator) -> Doubles:
    """Of each param, and of the made-up one at the end."""
    from sklearn.ensemble import RandomForestRegressor

    drawn = random.integers(len(ranks), size=len(ranks))
    told = np.column_stack([places[drawn], random.random(len(ranks))])
    forest = RandomForestRegressor(TREES, min_samples_leaf=2, random_state=int(random.integers(2**31)))
    forest.fit(told, ranks[drawn])
    inside = random.random((POINTS, told.shape[1]))
    steps = np.linspace(0, 1, STEPS)
    asked = [inside]
    for number in range(told.shape[1]):
        moved = np.repeat(inside[None], STEPS, axis=0)
        moved[:, :, number] = steps[:, None]
        asked.append(moved.reshape(-1, told.shape[1]))
    said = forest.predict(np.concatenate(asked))
    whole = float(np.var(said[:POINTS])) or 1.0
    along = said[POINTS:].reshape(told.shape[1], STEPS, POINTS).mean(axis=2)
    shares: Doubles = np.minimum(along.var(axis=1) / whole, 1.0)
    return shares


def _explained(places: Doubles, ranks: Doubles, seed: int) -> float:
    """R² on the trials that each tree was not shown."""
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(4 * TREES, min_samples_leaf=2, oob_score=True, random_state=seed)
    return float(forest.fit(places, ranks).oob_score_)
