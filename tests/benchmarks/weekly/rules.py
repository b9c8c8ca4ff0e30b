"""The competition's benchmark policy, and the seasonal naive with a safety factor."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from weekly.record import WEEKS, Floats, Record
from weekly.replay import LEAD, View

COVER = LEAD + 1


def week_factors(record: Record) -> Floats:
    """Sales of a week of the year over those of an average one: means over series, then over years."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # weeks that have not been yet
        by_week = np.nanmean(np.where(record.seen, record.sales, np.nan), axis=0)
        of_year = record.week_of_year[: record.known]
        found = np.array([np.nanmean(by_week[of_year == week]) for week in range(WEEKS)])
    return np.asarray(np.nan_to_num(found / np.nanmean(found), nan=1.0))


@dataclass(frozen=True)
class Published:
    """Last 13 weeks in stock, without their season; times the season of the next four weeks; less what there is."""

    weeks: int = 13

    def order(self, view: View) -> Floats:
        record = view.record
        factors = week_factors(record)[record.week_of_year]
        past, coming = factors[: record.known], factors[record.known : record.known + COVER]
        seen = record.seen[:, -self.weeks :]
        plain = np.where(seen, (record.sales / past)[:, -self.weeks :], 0).sum(1) / np.maximum(seen.sum(1), 1)
        return np.asarray(np.maximum(np.rint(plain * coming.sum() - view.position), 0))


@dataclass(frozen=True)
class SeasonalNaive:
    """The same weeks of last year, times a safety factor."""

    safety: float

    def order(self, view: View) -> Floats:
        first = view.record.known - 52
        last_year = view.record.sales[:, first : first + COVER].sum(1)
        return np.asarray(np.maximum(np.rint(self.safety * last_year - view.position), 0))


@dataclass(frozen=True)
class BaseStock:
    """Order up to a level that is said anew each week, such as a quantile of what the coming weeks sell."""

    level: Callable[[Record], Floats]

    def order(self, view: View) -> Floats:
        return np.asarray(np.maximum(np.rint(self.level(view.record) - view.position), 0))
