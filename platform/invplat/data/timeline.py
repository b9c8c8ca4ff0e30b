"""A timeline: equal periods one after the other, and where a date falls among them.

Daily, weekly or monthly. Dates are days since 1970 inside, `datetime64[D]` outside; a period is named by its first day.
Knows nothing about what happened in a period.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from invplat.core.errors import DatasetError

Ints = npt.NDArray[np.int64]
Dates = npt.NDArray[np.datetime64]
STEPS = {"daily": 1, "weekly": 7}
YEAR = {"daily": 365.25, "weekly": 365.25 / 7, "monthly": 12.0}  # periods a year
EPOCH = date(1970, 1, 1)
MONDAY = -3  # 1970-01-01 was a Thursday


def as_day(value: Any) -> int:
    """A date, datetime64 or ISO text as days since 1970."""
    try:
        return int(np.datetime64(value, "D").astype(np.int64))
    except (ValueError, TypeError) as error:
        raise DatasetError(f"{value!r} is not a date", hint="write it like 2024-06-30") from error


def month_starts(months: Ints) -> Ints:
    """First days of months counted from January 1970."""
    starts: Ints = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return starts


def months_of(days: npt.ArrayLike) -> Ints:
    months: Ints = np.asarray(days, np.int64).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return months


@dataclass(frozen=True)
class Timeline:
    frequency: str
    origin: int  # first day of the first period
    length: int

    @classmethod
    def covering(cls, frequency: str, first: int, last: int, anchor: int | None = None) -> Timeline:
        """From the period that holds `first` to the one that holds `last`; weeks begin as the anchor or on Monday."""
        if frequency == "monthly":
            months = months_of([first, last])
            return cls(frequency, int(month_starts(months[:1])[0]), int(months[1] - months[0]) + 1)
        step = STEPS[frequency]
        base = MONDAY if anchor is None else anchor
        origin = base + (first - base) // step * step
        return cls(frequency, origin, (last - origin) // step + 1)

    def index(self, days: npt.ArrayLike) -> Ints:
        """The period of each day; below zero or beyond the length where it lies outside."""
        array = np.asarray(days, np.int64)
        if self.frequency == "monthly":
            found: Ints = months_of(array) - months_of(self.origin)
        else:
            found = (array - self.origin) // STEPS[self.frequency]
        return found

    def starts(self, extra: int = 0) -> Ints:
        """First day of every period, and of `extra` periods after the last."""
        steps = np.arange(self.length + extra, dtype=np.int64)
        if self.frequency == "monthly":
            return month_starts(months_of(self.origin) + steps)
        return self.origin + steps * STEPS[self.frequency]

    def ends(self) -> Ints:
        """Last day of every period."""
        return self.starts(1)[1:] - 1

    @property
    def dates(self) -> Dates:
        return self.starts().astype("datetime64[D]")

    def widened(self, before: int, after: int) -> Timeline:
        if self.frequency == "monthly":
            origin = int(month_starts(months_of(self.origin) - before))
        else:
            origin = self.origin - before * STEPS[self.frequency]
        return replace(self, origin=origin, length=self.length + before + after)

    def cut(self, first: int, length: int) -> Timeline:
        """The `length` periods from period `first` on."""
        return replace(self, origin=int(self.starts(1)[first]), length=length)
