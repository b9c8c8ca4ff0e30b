"""Time in few enough bins to be drawn: days, weeks, months, quarters or years, whichever fits.

Weeks are counted back from the last date, so that the newest bin is a whole one; the oldest takes what is left over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

UNITS = ("day", "week", "month", "quarter", "year")
MONTHS = {"month": 1, "quarter": 3, "year": 12}
FINEST = {"daily": 0, "weekly": 1, "monthly": 2}


@dataclass(frozen=True)
class Bins:
    unit: str
    start: date
    end: date

    @classmethod
    def over(cls, start: date, end: date, frequency: str, at_most: int) -> Bins:
        for unit in UNITS[FINEST.get(frequency, 0) :]:
            bins = cls(unit, start, end)
            if len(bins) <= at_most:
                return bins
        return cls("year", start, end)

    def __len__(self) -> int:
        return self.place(self.end) + 1

    def place(self, day: date) -> int:
        if self.unit == "day":
            return (day - self.start).days
        if self.unit == "week":
            return max(0, ((day - self.start).days - self._left_over) // 7)
        size = MONTHS[self.unit]
        return (day.year * 12 + day.month - 1) // size - self._first_month // size

    def expression(self, column: str) -> pl.Expr:
        """The same as `place`, for a column of dates."""
        dates = pl.col(column)
        days = dates.cast(pl.Int32) - (self.start - date(1970, 1, 1)).days
        if self.unit == "day":
            return days
        if self.unit == "week":
            return ((days - self._left_over) // 7).clip(0)
        size = MONTHS[self.unit]
        months = dates.dt.year().cast(pl.Int32) * 12 + dates.dt.month().cast(pl.Int32) - 1
        return months // size - self._first_month // size

    def starts(self) -> tuple[date, ...]:
        """First day of each bin, the very first not before the data."""
        count = len(self)
        if self.unit in ("day", "week"):
            step, later = (1, 0) if self.unit == "day" else (7, self._left_over)
            begins = [self.start + timedelta(days=number * step + later * (number > 0)) for number in range(count)]
        else:
            size = MONTHS[self.unit]
            months = [(self._first_month // size + number) * size for number in range(count)]
            begins = [date(month // 12, month % 12 + 1, 1) for month in months]
        return tuple(max(begin, self.start) for begin in begins)

    def periods(self, frequency: str) -> list[int]:
        """How many periods fall in each bin: what a sum is divided by to be a mean."""
        counts = [0] * len(self)
        if frequency == "monthly":
            month, last = self._first_month, self.end.year * 12 + self.end.month - 1
            while month <= last:
                counts[self.place(max(date(month // 12, month % 12 + 1, 1), self.start))] += 1
                month += 1
        else:
            step = 7 if frequency == "weekly" else 1
            for days in range((self.end - self.start).days % step, (self.end - self.start).days + 1, step):
                counts[self.place(self.start + timedelta(days=days))] += 1
        return counts

    @property
    def _left_over(self) -> int:
        return ((self.end - self.start).days + 1) % 7

    @property
    def _first_month(self) -> int:
        return self.start.year * 12 + self.start.month - 1


def period_number(column: str, frequency: str) -> pl.Expr:
    """Dates as whole periods, so that a difference of two says how many lie between."""
    dates = pl.col(column)
    if frequency == "monthly":
        return dates.dt.year().cast(pl.Int32) * 12 + dates.dt.month().cast(pl.Int32)
    days = dates.cast(pl.Int32)
    return days // 7 if frequency == "weekly" else days
