"""The order that hindsight would have placed, of the end-to-end paper: what a decision is taught with.

a* = demand from the review until this order arrives, and of the first ⌊b / (h + b) · interval⌋ days after it, where the
interval lasts until the next order arrives; less the stock position, never negative. An order is placed before its
day's demand. The paper rounds the days down; rounded up, the level is the one that costs least over the interval (the
b / (h + b) quantile of its running demands), which matters where orders arrive every few days: `up=True`.
Knows nothing of features or models; what lies past the end of the record is said to be unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from invplat.core.errors import FigureRefused
from invplat.inventory.checks import above, at_least

Numbers = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
HAIR = 1e-9  # 0.9 · 10 must not fall short of 9


@dataclass(frozen=True)
class Hindsight:
    """One entry a review: series × reviews."""

    level: Numbers  # the stock position to order up to; NaN where the record ends too early to know
    stop: Places  # the first day that the order need not cover

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        return np.isfinite(self.level)

    def order(self, position: npt.ArrayLike) -> Numbers:
        """What to order at that position: on hand, less what is owed, and everything on its way."""
        return np.asarray(np.maximum(self.level - np.asarray(position, np.float64), 0))


def hindsight(
    demand: npt.ArrayLike,
    reviewed: npt.ArrayLike,
    arrives: npt.ArrayLike,
    next_arrives: npt.ArrayLike,
    holding: npt.ArrayLike = 1.0,
    shortage: npt.ArrayLike = 9.0,
    *,
    up: bool = False,
) -> Hindsight:
    """`demand` is series × days; the days of reviews and arrivals are series × reviews, by column of `demand`.

    Costs are numbers, or broadcast to series × reviews. Where orders cross and the next one arrives first, the interval
    is empty. Demand that is NaN makes the orders that cover it unknown.
    """
    days, start, first, after = _checked(demand, reviewed, arrives, next_arrives)
    h, b = np.asarray(holding, np.float64), np.asarray(shortage, np.float64)
    above(0, holding=h)
    at_least(0, shortage=b)
    interval = np.maximum(after - first, 0)
    share = b * interval / (h + b)
    covered = (np.ceil(share - HAIR) if up else np.floor(share + HAIR)).astype(np.int64)
    stop = first + covered
    total = np.concatenate([np.zeros((len(days), 1)), np.cumsum(days, axis=1)], axis=1)
    length = days.shape[1]
    seen = np.take_along_axis(total, np.minimum(stop, length), 1) - np.take_along_axis(
        total, np.clip(start, 0, length), 1
    )
    return Hindsight(np.where((stop <= length) & (start >= 0), seen, np.nan), stop)


def review_days(reviews: npt.ArrayLike, lead: npt.ArrayLike) -> tuple[Places, Places, Places, npt.NDArray[np.bool_]]:
    """From a calendar to reviews: days, arrivals, next arrivals (series × most reviews of any), and which are real.

    `reviews` is True on review days, series × days; `lead` the lead time of an order placed on that day. The last
    review of a series has no next one: it is not real.
    """
    mask = np.asarray(reviews, np.bool_)
    times = np.asarray(lead, np.float64)
    if mask.ndim != 2 or mask.shape != times.shape:
        raise FigureRefused(
            f"review days of shape {mask.shape} and lead times of shape {times.shape}", hint="give both series × days"
        )
    at_least(0, lead=times[mask])
    count = mask.sum(axis=1)
    most = int(count.max(initial=0))
    place = np.argsort(~mask, axis=1, kind="stable")[:, :most]  # review days first, in their order
    here = np.arange(most) < count[:, None]
    arrives = np.where(here, place + np.take_along_axis(np.where(mask, times, 0), place, 1).astype(np.int64), 0)
    following = np.concatenate([arrives[:, 1:], arrives[:, -1:]], axis=1)
    real = np.concatenate([here[:, 1:], np.zeros((len(mask), min(most, 1)), np.bool_)], axis=1)
    return np.where(here, place, 0).astype(np.int64), arrives, following, real


def hindsight_calendar(
    demand: npt.ArrayLike,
    reviews: npt.ArrayLike,
    lead: npt.ArrayLike,
    holding: npt.ArrayLike = 1.0,
    shortage: npt.ArrayLike = 9.0,
    *,
    up: bool = False,
) -> Numbers:
    """The level to order up to on each review day, series × days; NaN on other days and where it can't be known.

    With `LevelsByPeriod` the simulator places hindsight's orders from its own stock positions.
    """
    days = np.asarray(demand, np.float64)
    place, arrives, following, real = review_days(reviews, lead)
    levels = np.full(days.shape, np.nan)
    found = hindsight(days, place, arrives, following, holding, shortage, up=up).level
    rows = np.broadcast_to(np.arange(len(days))[:, None], place.shape)
    levels[rows[real], place[real]] = found[real]
    return levels


def _checked(
    demand: npt.ArrayLike, reviewed: npt.ArrayLike, arrives: npt.ArrayLike, next_arrives: npt.ArrayLike
) -> tuple[Numbers, Places, Places, Places]:
    days = np.asarray(demand, np.float64)
    if days.ndim != 2:
        raise FigureRefused(f"demand of shape {days.shape}", hint="give series × days")
    places = [np.asarray(given, np.int64) for given in (reviewed, arrives, next_arrives)]
    for place in places:
        if place.ndim != 2 or place.shape != places[0].shape or len(place) != len(days):
            raise FigureRefused(
                f"days of reviews and arrivals of shapes {', '.join(str(part.shape) for part in places)}",
                hint=f"give each series × reviews, {len(days)} series",
            )
    at_least(0, **{"days from review to arrival": places[1] - places[0]})
    return days, *places  # type: ignore[return-value]
