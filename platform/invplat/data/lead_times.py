"""Lead times as a business saw them by a day: what had been received by then, and for how long open orders had waited.

An order received later is open at the cutoff: its lead time is only known to be more than its age, so it counts among
the open ones and in no mean. Histories fall back from the SKU to its supplier, its store and the whole business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from invplat.core.errors import DatasetError
from invplat.data.dataset import Dataset
from invplat.data.dense import Bools, Floats, Ints, days
from invplat.data.intake.distinct import encode
from invplat.data.panel import Panel
from invplat.data.timeline import as_day

LEVELS = ("sku", "supplier", "store", "all")  # a SKU in one store; a supplier in all; from the closest to the widest
NOWHERE = len(LEVELS)  # no receipt at all was known
QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class Summary:
    level: str
    names: tuple[str, ...]
    number: Ints
    mean: npt.NDArray[np.float64]  # days; NaN where nothing was received yet
    deviation: npt.NDArray[np.float64]
    quantiles: npt.NDArray[np.float64]  # names × QUANTILES
    late: npt.NDArray[np.float64]  # share of orders that took longer than their supplier's median
    open: Ints  # orders on their way
    oldest: Ints  # days that the oldest of them has waited


@dataclass(frozen=True)
class History:
    """The last lead times before each moment, oldest first; NaN where there were fewer."""

    days: Floats  # moments × n
    level: npt.NDArray[np.int8]  # place in LEVELS that they come from, or NOWHERE

    @property
    def known(self) -> Bools:
        return np.isfinite(self.days)


@dataclass(frozen=True)
class LeadTimes:
    ordered: Ints
    received: Ints
    names: dict[str, npt.NDArray[np.object_]]  # level → the group of every receipt

    @property
    def days(self) -> Ints:
        return self.received - self.ordered

    def summary(self, level: str, cutoff: Any) -> Summary:
        if level not in LEVELS:
            raise DatasetError(f"lead times have no level {level!r}", hint=f"write one of {', '.join(LEVELS)}")
        day = as_day(cutoff)
        labels = self.names[level]
        here = (self.ordered <= day) & np.array([label is not None for label in labels], np.bool_)
        names, group = np.unique(labels[here].astype(str), return_inverse=True)
        lead, done = self.days[here], self.received[here] <= day
        late = self._late(day)[here]
        size = len(names)
        number, waiting = (np.bincount(group[which], minlength=size) for which in (done, ~done))
        mean, deviation, late_share = (np.full(size, np.nan) for _ in range(3))
        quantiles = np.full((size, len(QUANTILES)), np.nan)
        order = np.lexsort((lead[done], group[done]))
        stretches = np.split(lead[done][order], np.cumsum(number)[:-1]) if size else []
        for place, stretch in enumerate(stretches):
            if len(stretch):
                mean[place], deviation[place] = stretch.mean(), stretch.std()
                quantiles[place] = np.quantile(stretch, QUANTILES)
        np.divide(
            np.bincount(group[done], weights=late[done], minlength=size), number, out=late_share, where=number > 0
        )
        oldest = np.zeros(size, np.int64)
        np.maximum.at(oldest, group[~done], day - self.ordered[here][~done])
        return Summary(level, tuple(names.tolist()), number, mean, deviation, quantiles, late_share, waiting, oldest)

    def _late(self, day: int) -> npt.NDArray[np.float64]:
        """Longer than the median of the same supplier (those without one count as one), by what is known."""
        suppliers = np.array([label or "" for label in self.names["supplier"]], object)
        _, group = np.unique(suppliers.astype(str), return_inverse=True)
        done = self.received <= day
        median = np.full(int(group.max(initial=-1)) + 1, np.inf)
        for place in np.unique(group[done]):
            median[place] = np.median(self.days[done & (group == place)])
        return (self.days > median[group]).astype(np.float64)

    def history(
        self,
        skus: Sequence[str | None],
        suppliers: Sequence[str | None],
        stores: Sequence[str],
        series: Ints,
        moments: npt.ArrayLike,
        n: int,
    ) -> History:
        """The last `n` lead times received by each moment (a day), of the closest level that has any.

        Names are one a series; `series` and `moments` one a question.
        """
        day = np.asarray(moments)
        day = day.astype("datetime64[D]").astype(np.int64) if day.dtype.kind == "M" else day.astype(np.int64)
        found = np.full((len(day), n), np.nan, np.float32)
        level = np.full(len(day), NOWHERE, np.int8)
        keys: dict[str, list[str | None]] = {
            "sku": [_series_name(store, sku) for store, sku in zip(stores, skus, strict=True)],
            "supplier": list(suppliers),
            "store": list(stores),
            "all": [""] * len(skus),
        }
        for place, name in enumerate(LEVELS):
            asked = np.flatnonzero(level == NOWHERE)
            last = self._last(name, keys[name], series[asked], day[asked], n)
            there = np.isfinite(last).any(axis=1)
            found[asked[there]], level[asked[there]] = last[there], place
        return History(found, level)

    def _last(self, name: str, labels: Sequence[str | None], series: Ints, day: Ints, n: int) -> Floats:
        place: dict[str, int] = {}
        known = [None if label is None else str(label) for label in self.names[name].tolist()]
        groups = np.array([-1 if label is None else place.setdefault(label, len(place)) for label in known], np.int64)
        asked = np.array([-1 if label is None else place.get(label, -1) for label in labels], np.int64)[series]
        order = np.lexsort((self.days, self.received, groups))
        lead = self.days[order].astype(np.float32)
        key = _sortable(groups[order], self.received[order])
        stop = np.searchsorted(key, _sortable(asked, day), side="right")
        start = np.searchsorted(key, asked * _WIDE, side="left")
        rows = stop[:, None] - n + np.arange(n)
        inside = (rows >= start[:, None]) & (asked >= 0)[:, None]
        found = np.full(rows.shape, np.nan, np.float32)
        found[inside] = lead[rows[inside]]
        return found

    def of_panel(self, panel: Panel, series: Ints, cutoffs: Any, n: int) -> History:
        """For windows of a panel: which series, and the cutoff of each; a period's receipts are known at its end."""
        suppliers = panel.statics.texts.get("supplier", (None,) * len(panel.skus))
        period = panel.timeline.index(np.asarray(cutoffs, "datetime64[D]").astype(np.int64))
        stores = [panel.store] * len(panel.skus)
        return self.history(panel.skus, suppliers, stores, series, panel.timeline.ends()[period], n)

    def next_of_panel(self, panel: Panel, series: Ints, cutoffs: Any, horizon: int) -> Floats:
        """Days that the first order of a series after a cutoff took, where it came within the horizon; NaN elsewhere.

        For learning: what stands here was not known at the cutoff.
        """
        place = {_series_name(panel.store, sku): row for row, sku in enumerate(panel.skus)}
        groups = np.array([place.get(label, -1) for label in self.names["sku"].tolist()], np.int64)
        mine = groups >= 0
        order = np.lexsort((self.received[mine], self.ordered[mine], groups[mine]))
        group, ordered, received = groups[mine][order], self.ordered[mine][order], self.received[mine][order]
        ends = panel.timeline.starts(horizon + 1)[1:] - 1
        period = panel.timeline.index(np.asarray(cutoffs, "datetime64[D]").astype(np.int64))
        first = np.searchsorted(_sortable(group, ordered), _sortable(series, ends[period]), side="right")
        there = first < len(group)
        row = np.where(there, first, 0)
        found = np.full(len(series), np.nan, np.float32)
        if len(group):
            there &= (group[row] == series) & (received[row] <= ends[period + horizon])
            found[there] = (received - ordered)[row][there]
        return found


_WIDE = 10_000_000  # more days than any calendar here, so that group and day sort as one number


def _sortable(group: Ints, day: Ints) -> Ints:
    return group * _WIDE + day + _WIDE // 2  # the half keeps days before 1970 in their own group


def _series_name(store: str | None, sku: str | None) -> str | None:
    return None if store is None or sku is None else f"{store}\x1f{sku}"  # a separator that no clean name contains


def read_lead_times(dataset: Dataset, store: str | None = None) -> LeadTimes:
    """Receipts of one store or of all; where a receipt names no supplier, the product's counts."""
    rows = dataset.read("receipts", store)
    if not len(rows):
        none = np.zeros(0, np.int64)
        return LeadTimes(none, none, {level: np.zeros(0, object) for level in LEVELS})
    columns = {
        name: _labels(rows.column(name)) if name in rows.column_names else np.full(len(rows), None, object)
        for name in ("store", "sku", "supplier")
    }
    if dataset.has("products") and "supplier" in dataset.columns("products"):
        products = dataset.read("products", columns=["sku", "supplier"])
        listed = dict(zip(products.column("sku").to_pylist(), products.column("supplier").to_pylist(), strict=True))
        lacking = np.array([name is None for name in columns["supplier"]], np.bool_)
        columns["supplier"][lacking] = [listed.get(sku) for sku in columns["sku"][lacking].tolist()]
    return LeadTimes(
        days(rows.column("ordered_on")),
        days(rows.column("received_on")),
        {
            "sku": np.array(
                [_series_name(*pair) for pair in zip(columns["store"], columns["sku"], strict=True)], object
            ),
            "supplier": columns["supplier"],
            "store": columns["store"],
            "all": np.full(len(rows), "", object),
        },
    )


def _labels(column: Any) -> npt.NDArray[np.object_]:
    distinct = encode(column)
    return np.array([*distinct.values.to_pylist(), None], object)[distinct.codes]
