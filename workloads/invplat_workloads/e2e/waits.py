"""Lead times as the end-to-end net reads them: of each window, what was known at its cutoff and what came next.

What was known is a few equally likely lead times, pooled over a supplier where it is known, else over the store or the
whole business; beside it the series' own mean. Everything is in periods, as the net counts time; an order takes up the
whole of the period in which it arrives, so parts of a period count as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from invplat.core.errors import DatasetError

if TYPE_CHECKING:
    from invplat.data.lead_times import LeadTimes
    from invplat.data.panel import Panel
    from invplat.data.windows import Windows

POINTS = 16  # equally likely lead times that stand for a distribution
POOLED = 64  # last lead times of a supplier that are looked at
OWN = 8  # of the series itself
ASSUMED = 7.0  # days that an order takes where nothing was ever received; a quarter of the horizon at most
DAYS = {"daily": 1.0, "weekly": 7.0, "monthly": 30.4375}  # a period


@dataclass(frozen=True)
class Waits:
    """One entry a window."""

    points: Tensor  # n × POINTS, rising
    own: Tensor  # n × 2: the series' own mean beside the pooled one, and the share of OWN that were known
    came: Tensor  # the next order's; 0 where it is not known
    told: Tensor  # whether it is
    days: Tensor  # that a period has

    @classmethod
    def of(cls, windows: Windows, panels: Sequence[Panel], lead_times: Sequence[LeadTimes]) -> Waits:
        """`panels` as the windows were cut, `lead_times` one a panel, or none at all."""
        if lead_times and len(lead_times) != len(panels):
            raise DatasetError(
                f"lead times of {len(lead_times)} panels for windows of {len(panels)}",
                hint="give one a panel, in the same order, or none",
            )
        days = DAYS[panels[0].frequency] if panels else 1.0
        points = np.full((len(windows), POINTS), np.ceil(min(ASSUMED / days, windows.horizon / 4)), np.float32)
        own, came = np.zeros((len(windows), 2), np.float32), np.full(len(windows), np.nan, np.float32)
        first = 0
        for panel, times in zip(panels if lead_times else (), lead_times, strict=True):
            rows = np.flatnonzero((windows.series >= first) & (windows.series < first + len(panel.skus)))
            series, cutoffs = windows.series[rows] - first, windows.cutoffs[rows]
            first += len(panel.skus)
            if not len(rows) or not len(times.days):
                continue
            wide = _periods(pooled(times).of_panel(panel, series, cutoffs, POOLED).days, days)
            closest = times.of_panel(panel, series, cutoffs, OWN)
            mine = _periods(np.where((closest.level == 0)[:, None], closest.days, np.nan), days)
            points[rows] = spread(wide, points[rows])
            own[rows] = _own(mine, points[rows].mean(axis=1))
            came[rows] = _periods(times.next_of_panel(panel, series, cutoffs, windows.horizon), days)
        told = np.isfinite(came)
        found = (points, own, np.where(told, came, 0), told, np.full(len(windows), days, np.float32))
        return cls(*(torch.from_numpy(each) for each in found))

    def at(self, which: Tensor) -> dict[str, Tensor]:
        return {each.name: getattr(self, each.name)[which] for each in fields(self)}

    def to(self, device: str) -> Waits:
        return Waits(**{each.name: getattr(self, each.name).to(device) for each in fields(self)})


def pooled(times: LeadTimes) -> LeadTimes:
    """Without the closest level: few orders of one SKU in one store say little of how lead times vary."""
    nobody = np.full(len(times.days), None, object)
    return replace(times, names={**times.names, "sku": nobody})


def spread(seen: Any, otherwise: Any) -> Any:
    """Rows of any number of lead times, NaN where there were fewer → POINTS equally likely ones, rising."""
    ordered = np.sort(seen, axis=1)  # NaN last
    number = np.isfinite(ordered).sum(axis=1)
    place = ((np.arange(POINTS) + 0.5) / POINTS * number[:, None]).astype(np.int64)
    found = np.take_along_axis(ordered, place, 1)
    return np.where(number[:, None] > 0, found, otherwise).astype(np.float32)


def _own(seen: Any, wide: Any) -> Any:
    known = np.isfinite(seen)
    number = known.sum(axis=1)
    mean = np.where(known, seen, 0).sum(axis=1) / np.maximum(number, 1)
    beside = np.where(number > 0, np.log1p(mean) - np.log1p(wide), 0)
    return np.stack([beside, number / OWN], axis=1)


def _periods(days: Any, each: float) -> Any:
    return np.ceil(np.asarray(days, np.float32) / each)
