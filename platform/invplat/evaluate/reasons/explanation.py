"""An explanation as a record, of one answer or of a whole model. Knows nothing of how it was come by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any

from invplat.evaluate.reasons.drivers import PERIOD
from invplat.evaluate.reasons.gradients import WITHIN

NOTHING = 1e-6  # of the largest driver

Share = tuple[str, float]


@dataclass(frozen=True)
class Explanation:
    """One number that a model said, and what made it differ from the usual."""

    about: str  # "demand, total of 28 days"; "order"
    store: str
    sku: str
    cutoff: date
    level: float  # units a period that the series sold lately, which forecast and baseline share
    forecast: float
    baseline: float  # what the model says of a usual window at that level
    drivers: tuple[Share, ...]  # units each adds, the largest first
    details: tuple[Share, ...]  # the same by column and time
    steps: int  # of the integration; 0 where none was needed
    gap: float  # share of the difference that the drivers miss

    @property
    def additive(self) -> bool:
        return self.gap <= WITHIN

    def to_dict(self) -> dict[str, Any]:
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        drivers = [{"driver": name, "units": value} for name, value in self.drivers]
        details = [{"column": name, "units": value} for name, value in self.details]
        return {**plain, "drivers": drivers, "details": details, "additive": self.additive}


@dataclass(frozen=True)
class Weight:
    driver: str
    attribution: float  # mean size of what it adds, in units of the forecast's total
    share: float  # of all attributions
    permutation: float | None  # how much larger the mean absolute error is when it is another window's


@dataclass(frozen=True)
class Importance:
    """A whole model on a sample of windows."""

    windows: int
    error: float  # mean absolute error on them, units a period
    weights: tuple[Weight, ...]  # the largest attribution first
    steps: int
    gap: float  # of all windows together

    @property
    def additive(self) -> bool:
        return self.gap <= WITHIN

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "additive": self.additive}


def about(frequency: str, horizon: int, step: int | None) -> str:
    """What of the demand is explained."""
    unit = PERIOD[frequency]
    if step is None:
        return f"demand, total of {horizon} {unit}s" if horizon > 1 else f"demand of the next {unit}"
    return f"demand, {unit} {step} of {horizon}"


def ranked(shares: Iterable[Share]) -> tuple[Share, ...]:
    """The largest first; what adds nothing but rounding is left out."""
    listed = sorted(shares, key=lambda share: -abs(share[1]))
    least = NOTHING * abs(listed[0][1]) if listed else 0.0
    return tuple(share for share in listed if abs(share[1]) > least)
