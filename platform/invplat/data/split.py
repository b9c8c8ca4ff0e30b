"""Splits follow time: what a model learns from ends before what it is judged on begins.

A `Span` is the targets of one part, by its first and last period. A cutoff belongs to a part when its whole horizon
lies inside it; the past that a window sees may reach back into earlier parts, never forward.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from invplat.core.errors import DatasetError
from invplat.data.panel import Panel
from invplat.data.timeline import Timeline


@dataclass(frozen=True)
class Span:
    first: date  # of the targets
    last: date
    cutoffs: tuple[date, ...]  # oldest first; the horizon of each lies inside

    def thinned(self, stride: int) -> tuple[date, ...]:
        """Every `stride`-th cutoff, counted back from the last."""
        return self.cutoffs[::-1][::stride][::-1]


@dataclass(frozen=True)
class TemporalSplit:
    horizon: int
    train: Span
    validation: Span
    test: Span


@dataclass(frozen=True)
class Origin:
    """One judgement of a rolling backtest: learn from `train`, stand at `cutoff`, answer for what follows."""

    cutoff: date
    train: Span
    first: date
    last: date


def calendar_of(panels: Panel | Sequence[Panel]) -> list[date]:
    """The known periods of all panels, from the first of any to the last of any."""
    chosen = [panels] if isinstance(panels, Panel) else list(panels)
    found: list[date] = np.unique(np.concatenate([panel.dates[: panel.known] for panel in chosen])).tolist()
    return found


def temporal_split(
    where: Panel | Sequence[Panel] | Timeline, *, horizon: int, validation: int, test: int, past: int = 1
) -> TemporalSplit:
    """The last `test` periods, the `validation` before them, the rest to learn from. `past`: what a window needs."""
    dates = _dates(where)
    for name, periods in (("validation", validation), ("test", test)):
        if periods < horizon:
            raise DatasetError(
                f"{name} = {periods} periods can't hold a horizon of {horizon}", hint=f"give it {horizon} or more"
            )
    needed = past + horizon + validation + test
    _enough(dates, needed, f"past {past} + horizon {horizon} to learn from, {validation} to validate, {test} to test")
    ends = len(dates) - test - validation, len(dates) - test, len(dates)
    return TemporalSplit(
        horizon,
        train=_span(dates, past, ends[0], horizon),
        validation=_span(dates, ends[0], ends[1], horizon),
        test=_span(dates, ends[1], ends[2], horizon),
    )


def rolling_origins(
    where: Panel | Sequence[Panel] | Timeline,
    *,
    horizon: int,
    count: int,
    step: int | None = None,
    past: int = 1,
    end: Any = None,
) -> list[Origin]:
    """`count` cutoffs, oldest first, `step` periods apart (default: the horizon); the last leaves one up to `end`."""
    dates = _dates(where)
    if end is not None:
        dates = [day for day in dates if day <= np.datetime64(end, "D").item()]
    step = horizon if step is None else step
    if count < 1 or step < 1 or horizon < 1:
        raise DatasetError(f"count = {count}, step = {step}, horizon = {horizon}", hint="all must be 1 or more")
    needed = past + horizon + horizon + (count - 1) * step
    _enough(
        dates,
        needed,
        f"past {past} + horizon {horizon} to learn from, then {count} origins {step} apart with horizon {horizon}",
    )
    origins = []
    for back in reversed(range(count)):
        mark = len(dates) - horizon - back * step - 1
        origins.append(
            Origin(dates[mark], _span(dates, past, mark + 1, horizon), dates[mark + 1], dates[mark + horizon])
        )
    return origins


def _dates(where: Panel | Sequence[Panel] | Timeline) -> list[date]:
    if isinstance(where, Timeline):
        found: list[date] = where.dates.tolist()
        return found
    return calendar_of(where)


def _enough(dates: list[date], needed: int, for_what: str) -> None:
    if len(dates) < needed:
        raise DatasetError(
            f"the history has {len(dates)} periods; {needed} are needed: {for_what}",
            hint="shorten the horizon or the parts, or bring more history",
        )


def _span(dates: list[date], first: int, stop: int, horizon: int) -> Span:
    """Targets from period `first` up to, not including, `stop`."""
    return Span(dates[first], dates[stop - 1], tuple(dates[first - 1 : stop - horizon]))
