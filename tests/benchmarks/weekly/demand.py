"""What demand is expected, were every shelf full: a series' level times its season; and what else a model may look at.

Everything is said of one record, so it knows no week after the last one in it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from weekly.record import ATTRIBUTES, Floats, Record
from weekly.season import week_factors

HORIZON = 8
HALF_LIFE, LONG = 8.0, 52.0  # weeks in which a sale's weight halves: for the level, and for what it leans on
LEANING = 3.0  # weeks' worth of the long level
GROUPS = ("Department", "Product", "Store")


@dataclass(frozen=True)
class Outlook:
    mean: Floats  # series × horizon, the next week first
    season: Floats  # the factor that is in it
    features: Floats  # series × horizon × features


def outlook(record: Record, season: Floats | None = None) -> Outlook:
    """`season`: factors that are known already; those of this record where not given."""
    by_year = week_factors(record) if season is None else season
    of_year = record.week_of_year
    past, coming = by_year[:, of_year[: record.known]], by_year[:, of_year[record.known :][:HORIZON]]
    sold = np.where(record.seen, record.sales, 0.0)
    weeks = np.where(record.seen, past, 0.0)
    far = (_faded(sold, LONG) + 0.1) / (_faded(weeks, LONG) + 1)
    level = (_faded(sold, HALF_LIFE) + LEANING * far) / (_faded(weeks, HALF_LIFE) + LEANING)
    mean = np.maximum(level[:, None] * coming, 1e-3)
    still = _of_series(record, sold, weeks, level)
    shape = (*mean.shape, still.shape[1])
    moving = _of_week(record, past, coming)
    return Outlook(mean, coming, np.concatenate([np.broadcast_to(still[:, None], shape), moving], axis=2))


def _faded(values: Floats, half_life: float) -> Floats:
    return np.asarray(values @ 0.5 ** (np.arange(values.shape[1])[::-1] / half_life))


def _of_series(record: Record, sold: Floats, weeks: Floats, level: Floats) -> Floats:
    found = [np.log(level)]
    found += [
        np.log((_faded(sold, half_life) + 2 * level) / (_faded(weeks, half_life) + 2) / level)
        for half_life in (2.0, 4.0, 16.0, 52.0)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # series that were not seen for half a year
        seen = np.where(record.seen, record.sales, np.nan)
        half = seen[:, -26:]
        found += [np.nanstd(half, 1) / (np.nanmean(half, 1) + 0.1), np.nanmean(half == 0, 1)]
        found += [np.nanmax(half, 1) / (level + 0.1), np.nanmean(seen[:, -52:], 1) / (level + 0.1)]
    found += [record.seen[:, -13:].mean(1), record.seen[:, -52:].mean(1)]
    # What the month past was over what level and season would have said, for all and for a series' relatives.
    was, would = sold[:, -4:].sum(1), level * weeks[:, -4:].sum(1)
    for name in (None, *GROUPS):
        group = np.zeros(len(sold), np.int64) if name is None else record.groups[:, ATTRIBUTES.index(name)]
        found.append(np.log((np.bincount(group, was) + 5) / (np.bincount(group, would) + 5))[group])
    found += [record.groups[:, ATTRIBUTES.index(name)].astype(np.float64) for name in ("Department", "StoreFormat")]
    return np.stack(found, 1)


def _of_week(record: Record, past: Floats, coming: Floats) -> Floats:
    ahead = np.broadcast_to(np.arange(1.0, coming.shape[1] + 1), coming.shape)
    week = np.broadcast_to(record.week_of_year[record.known :][: coming.shape[1]].astype(np.float64), coming.shape)
    now = past[:, -4:].mean(1, keepdims=True)
    common = np.broadcast_to(coming.mean(0), coming.shape)
    return np.stack([np.log(coming), np.log(common), ahead, week, np.log(coming / now), _last_year(record)], 2)


def _last_year(record: Record) -> Floats:
    """The same week of last year over that time's level, unknown where there was none."""
    if record.known < 60:
        return np.full((len(record.sales), HORIZON), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        seen = np.where(record.seen, record.sales, np.nan)
        level = np.nanmean(seen[:, max(record.known - 78, 0) : record.known - 26], 1)
    return np.asarray(seen[:, record.known - 52 :][:, :HORIZON] / (level[:, None] + 0.3))
