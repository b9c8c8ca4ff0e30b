"""Signals (weather, oil, prices at large, trends) joined to a store's periods as they were known.

The value of a period is the mean of what was dated inside it, else the last one before it: a monthly index or a market
closed at weekends is carried on. A signal is past-only unless the mapping declares it known ahead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from invplat.core.errors import DatasetError
from invplat.data.dataset import Dataset
from invplat.data.dense import Floats, Ints, carried, days, numbers
from invplat.data.panel import Panel


@dataclass(frozen=True)
class Signals:
    """One number a period, NaN while nothing was known."""

    past: dict[str, Floats] = field(default_factory=dict)
    ahead: dict[str, Floats] = field(default_factory=dict)


def signal_names(dataset: Dataset) -> list[str]:
    return (
        sorted(set(dataset.read("signals", columns=["name"]).column("name").to_pylist()))
        if dataset.has("signals")
        else []
    )


def read_signals(
    dataset: Dataset, panel: Panel, names: Sequence[str] | None = None, delays: Mapping[str, int] | None = None
) -> Signals:
    """`delays`: days after its date at which a signal is published (January's index may be known in mid-February)."""
    there = signal_names(dataset)
    wanted = there if names is None else list(names)
    lacking = [name for name in wanted if name not in there]
    if lacking:
        raise DatasetError(
            f"there is no signal {lacking[0]!r}", hint=f"signals: {', '.join(there) or 'none in this dataset'}"
        )
    found = Signals()
    if not wanted:
        return found
    rows = dataset.read("signals")
    owners = rows.column("store").to_pylist() if "store" in rows.column_names else [None] * len(rows)
    name, day, value = (
        np.array(rows.column("name").to_pylist(), object),
        days(rows.column("date")),
        numbers(rows.column("value")),
    )
    own = np.array([owner == panel.store for owner in owners], np.bool_)
    everywhere = np.array([owner in (None, "") for owner in owners], np.bool_)
    day = day + np.array([(delays or {}).get(label, 0) for label in name], np.int64)
    end = int(panel.timeline.ends()[panel.known - 1])
    for label in wanted:
        known_ahead = label in dataset.manifest.known
        usable = (name == label) & np.isfinite(value) & (known_ahead | (day <= end))
        # From its first day on, a store's own measurement counts before the one for everywhere.
        mine, common = (_joined(panel, day[usable & whose], value[usable & whose]) for whose in (own, everywhere))
        column = np.where(np.isfinite(mine), mine, common)
        if not known_ahead:
            column[panel.known :] = np.nan
        (found.ahead if known_ahead else found.past)[label] = column
    return found


def _joined(panel: Panel, day: Ints, value: npt.NDArray[np.float64]) -> Floats:
    order = np.lexsort((value, day))
    day, value = day[order], value[order]
    period = panel.timeline.index(day)
    length = panel.timeline.length
    inside = (period >= 0) & (period < length)
    sums = np.bincount(period[inside], weights=value[inside], minlength=length)
    counts = np.bincount(period[inside], minlength=length)
    column = np.divide(sums, counts, out=np.full(length, np.nan), where=counts > 0).astype(np.float32)
    earlier = value[period < 0]
    if len(earlier) and not np.isfinite(column[0]):
        column[0] = earlier[-1]
    return carried(column)
