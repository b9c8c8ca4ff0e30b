"""Factors of the week of the year, from what all series have in common down to a series' own.

A factor is sales over what a series' own level of that time made one expect. Few sales say little: each group's factor
leans on its parent's as if it had `lean` units of it (all series → department → product → the series itself).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weekly.record import ATTRIBUTES, WEEKS, Floats, Integers, Record

HALF = 26  # weeks to either side that make the level of a time
TOUCHING = 0.4  # the weight of the weeks beside a week, below the top
DEPARTMENT, PRODUCT = ATTRIBUTES.index("Department"), ATTRIBUTES.index("Product")


@dataclass(frozen=True)
class Lean:
    """Units' worth of the parent's factor."""

    department: float = 100.0
    product: float = 100.0
    series: float = 50.0


def week_factors(record: Record, lean: Lean | None = None) -> Floats:
    """Series × weeks of the year, an average week being about 1."""
    lean = lean or Lean()
    of_year = record.week_of_year[: record.known]
    sold = np.where(record.seen, record.sales, 0.0)
    season = np.ones(record.known)
    for _ in range(3):  # a level around a peak holds the peak: take the season out of it and look again
        level = _levels(sold, np.where(record.seen, season, 0.0), record)
        top = _leaning(_by_week(sold.sum(0)[None], of_year), _by_week(level.sum(0)[None], of_year), np.ones(1), 30.0)
        season = top[0, of_year]
    sold_by_week, level_by_week = _by_week(sold, of_year), _by_week(level, of_year)
    found = np.repeat(top, len(sold), axis=0)
    everyone = np.arange(len(sold))
    for group, units in (
        (record.groups[:, DEPARTMENT], lean.department),
        (record.groups[:, PRODUCT], lean.product),
        (everyone, lean.series),
    ):
        weight = _summed(level_by_week + 1e-6, group)
        parent = _summed(found * (level_by_week + 1e-6), group) / weight
        above, below = _touching(_summed(sold_by_week, group)), _touching(_summed(level_by_week, group))
        found = _leaning(above, below, parent, units)[group]
    return found


def _levels(sold: Floats, weeks: Floats, record: Record) -> Floats:
    """Each series' own level around each week, of the weeks in which demand was seen; 0 where nothing was."""
    return np.asarray(np.where(record.seen, (_around(sold) + 0.1) / (_around(weeks) + 1.0), 0.0))


def _leaning(sold: Floats, level: Floats, parent: Floats, units: float) -> Floats:
    return np.asarray((sold + units * parent) / (level + units))


def _by_week(values: Floats, of_year: Integers) -> Floats:
    found = np.zeros((WEEKS, len(values)))
    np.add.at(found, of_year, values.T)
    return np.ascontiguousarray(found.T)


def _touching(values: Floats) -> Floats:
    return np.asarray(values + TOUCHING * (np.roll(values, 1, 1) + np.roll(values, -1, 1)))


def _summed(values: Floats, group: Integers) -> Floats:
    found = np.zeros((int(group.max()) + 1, values.shape[1]))
    np.add.at(found, group, values)
    return found


def _around(values: Floats) -> Floats:
    total = np.concatenate([np.zeros((len(values), 1)), values.cumsum(1)], 1)
    week, last = np.arange(values.shape[1]), values.shape[1]
    return np.asarray(total[:, np.minimum(week + HALF + 1, last)] - total[:, np.maximum(week - HALF, 0)])
