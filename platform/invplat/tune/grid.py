"""Points known before anything is tried: all of a grid, some of it, or independent draws. Knows no Optuna.

They are grouped by shape, so that packs are as wide as pays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, product
from random import Random
from typing import Any

import numpy as np

from invplat.core.errors import SettingRefused
from invplat.core.space import Params, Space, Value
from invplat.tune.plan import StudyPlan
from invplat.tune.points import drawn, moved
from invplat.tune.trial import Asked, Finished, shape_names, shape_of

MOST = 10_000  # points of a grid that nobody asked for twice

Point = dict[str, Value]
Width = Callable[[Params], int]


def check_grid(space: Space, cap: int | None, yes: bool) -> int:
    """How many trials a grid search will be; refuses one so large that it may be a mistake."""
    size = space.grid_size()
    if cap is None and size > MOST and not yes:
        largest = sorted(space.grid_axes().items(), key=lambda axis: -len(axis[1]))[:3]
        axes = ", ".join(f"{name} has {len(values)}" for name, values in largest)
        raise SettingRefused(
            f"the grid has {size:,} points ({axes})",
            hint="--trials 500 takes that many of them, --space FILE narrows it, --yes tries them all",
        )
    return size if cap is None else min(cap, size)


def grid(plan: StudyPlan, width: Width) -> Listed:
    """Every point once; where the plan says fewer, so many of them by chance."""
    size = plan.space.grid_size()
    if plan.trials is None or plan.trials >= size:
        return Listed(plan.space, _all(plan.space), size, width)
    chance = Random(plan.seed)
    picked: dict[int, None] = {}
    while len(picked) < plan.trials:
        picked.setdefault(chance.randrange(size))
    some = (_point(plan.space, index) for index in picked)
    return Listed(plan.space, _grouped(plan.space, some), plan.trials, width)


def independent(plan: StudyPlan, width: Width, warm: Sequence[Params]) -> Listed:
    """What another study found, then draws by chance."""
    total = plan.trials or 0
    generator = np.random.default_rng(plan.seed)
    first = moved(plan.space, warm)[:total]
    points = [*first, *(drawn(plan.space, generator) for _ in range(total - len(first)))]
    return Listed(plan.space, _grouped(plan.space, points), total, width)


class Listed:
    """Points one after another, those of one shape in a row."""

    learns = False

    def __init__(self, space: Space, points: Iterable[Point], total: int, width: Width) -> None:
        self.total = total
        self._space, self._width = space, width
        self._groups: Iterator[list[Point]] = (
            list(group) for _, group in groupby(points, key=lambda point: shape_of(space, point))
        )
        self._left: list[Point] = []  # of the shape at hand
        self._before: Counter[Any] = Counter()  # asked for before an interruption

    def choose(self, pack: int, first: int) -> list[Point]:
        while not self._left:
            self._left = [point for point in next(self._groups) if not self._was_before(point)]
        width = self._width(self._left[0]) if len(self._left) > 1 else 1  # nobody measures for one
        packs = -(-len(self._left) // max(1, width))
        size = -(-len(self._left) // packs)  # as even as can be
        chosen, self._left = self._left[:size], self._left[size:]
        return chosen

    def remember(self, trials: Sequence[Asked]) -> None:
        self._before.update(self._key(trial.params) for trial in trials)

    def learn(self, finished: Sequence[Finished]) -> None:
        """The points stand."""

    def _was_before(self, point: Point) -> bool:
        key = self._key(point)
        if not self._before[key]:
            return False
        self._before[key] -= 1
        return True

    def _key(self, params: Params) -> tuple[Value, ...]:
        return tuple(params[name] for name in self._space.dimensions)


def _all(space: Space) -> Iterator[Point]:
    """The grid, made as it is read, with the shape changing slowest."""
    axes = space.grid_axes()
    names = sorted(axes, key=lambda name: name not in shape_names(space))  # stable: else in the space's order
    for values in product(*(axes[name] for name in names)):
        point = dict(zip(names, values, strict=True))
        yield {name: point[name] for name in axes}


def _point(space: Space, index: int) -> Point:
    """Of the grid, without making those before it."""
    found: Point = {}
    for name, values in space.grid_axes().items():
        index, place = divmod(index, len(values))
        found[name] = values[place]
    return found


def _grouped(space: Space, points: Iterable[Point]) -> list[Point]:
    """Those of one shape beside each other, shapes in the order in which they came."""
    groups: dict[Any, list[Point]] = {}
    for point in points:
        groups.setdefault(shape_of(space, point), []).append(point)
    return [point for group in groups.values() for point in group]
