"""Points of a space: where a share of each dimension lies, drawn by chance or spread evenly, and brought inside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import exp, log
from typing import Any

import numpy as np

from invplat.core.space import Choice, Dimension, Integer, Params, Space, Value


def at(dimension: Dimension, share: float) -> Value:
    """The value so far along a dimension, 0 ≤ share < 1; equal shares hold equal chances, orders of magnitude on a
    logarithmic one."""
    if isinstance(dimension, Choice):
        return dimension.options[int(share * len(dimension.options))]
    low, high = dimension.low, dimension.high
    if isinstance(dimension, Integer):
        if dimension.log:
            whole = round(exp(_between(log(low - 0.5), log(high + 0.5), share)))
            return int(min(max(whole, low), high))
        return int(low + dimension.step * int(share * ((high - low) // dimension.step + 1)))
    found = exp(_between(log(low), log(high), share)) if dimension.log else _between(low, high, share)
    return float(min(max(found, low), high))


def drawn(space: Space, generator: np.random.Generator) -> dict[str, Value]:
    """One point by chance."""
    return {name: at(dimension, float(generator.random())) for name, dimension in space.dimensions.items()}


def spread(names: Sequence[str], number: int, seed: int) -> dict[str, float]:
    """The shares of these dimensions at the n-th point of a sequence of which any few in a row lie far apart: steps by
    the powers of the generalised golden ratio, from a start that the seed draws."""
    golden = 2.0
    for _ in range(30):
        golden = (1 + golden) ** (1 / (len(names) + 1))
    start = np.random.default_rng([seed, len(names)]).random(len(names))
    steps = golden ** -np.arange(1.0, len(names) + 1)
    return dict(zip(names, ((start + number * steps) % 1.0).tolist(), strict=True))


def moved(space: Space, warm: Iterable[Params]) -> list[dict[str, Value]]:
    """Params of another study as points of this space, each once: what is outside at the nearest value allowed, what
    is not known there at its default."""
    found: dict[tuple[Value, ...], dict[str, Value]] = {}
    for params in warm:
        point = {
            name: nearest(dimension, params[name]) if name in params else dimension.default
            for name, dimension in space.dimensions.items()
        }
        found.setdefault(tuple(point.values()), point)
    return list(found.values())


def nearest(dimension: Dimension, value: Any) -> Value:
    """Allowed and within the range or the options, which a value of the grid need not be."""
    if isinstance(dimension, Choice):
        for option in dimension.options:
            if type(option) is type(value) and option == value:
                return option
        if not (_number(value) and all(map(_number, dimension.options))):
            return dimension.default if dimension.default in dimension.options else dimension.options[0]
        return min(dimension.options, key=lambda option: _apart(float(option), float(value)))
    given = float(value) if _number(value) else float(dimension.default)
    inside = min(max(given, dimension.low), dimension.high)
    if isinstance(dimension, Integer):
        steps = round((inside - dimension.low) / dimension.step)
        return int(min(dimension.low + steps * dimension.step, _last(dimension)))
    return float(inside)


def _last(dimension: Integer) -> int:
    """The highest that a step reaches."""
    return dimension.high - (dimension.high - dimension.low) % dimension.step


def _between(low: float, high: float, share: float) -> float:
    return low + share * (high - low)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _apart(one: float, other: float) -> float:
    """Sizes are far apart when one is many times the other."""
    return abs(log(one / other)) if one > 0 and other > 0 else abs(one - other)
