"""A tenant as transfer sees it: a name, panels of its history, and what of it is for learning, choosing and judging.

Parts follow time. A window belongs to the part in which its cutoff lies, and of what follows it counts only what that
part knows; so a history of four weeks still has windows to learn from, with short answers. Knows no registry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np

from invplat.core.errors import DatasetError
from invplat.data.dataset import Dataset
from invplat.data.dense import Ints
from invplat.data.lead_times import LeadTimes, read_lead_times
from invplat.data.panel import Group, Panel
from invplat.data.timeline import Dates, as_day
from invplat.evaluate.panels import read_panels
from invplat.train.material import known_dates

ORIGINS = 4  # cutoffs more than a whole horizon in each later part, where there is room
LEAST = 4  # periods of history: one for each part, and one to see
SHARE = 4  # a later part takes at most this part of the history
DAYS = {"daily": 1, "weekly": 7}


@dataclass(frozen=True)
class Tenant:
    name: str
    panels: tuple[Panel, ...]  # as they were read, without a recipe's features
    dataset: Dataset | None = None  # for holidays, signals and lineage
    lead_times: LeadTimes | None = None  # for workloads that decide

    @classmethod
    def of(cls, dataset: Dataset, frequency: str | None = None, *, series: int | None = None) -> Tenant:
        found = read_panels(dataset, frequency=frequency, series=series)
        times = read_lead_times(dataset) if dataset.has("receipts") else None
        return cls(dataset.tenant, found.panels, dataset, times)

    @property
    def frequency(self) -> str:
        return self.panels[0].frequency

    @property
    def series(self) -> int:
        return sum(len(panel.skus) for panel in self.panels)

    def dates(self) -> list[date]:
        """Known periods, from the first in which any series had begun."""
        return known_dates(self.panels)


@dataclass(frozen=True)
class Parts:
    """The last period that each part knows; equal ones leave a part out."""

    learn: date
    choose: date
    judge: date  # the end of the history

    @classmethod
    def of(cls, dates: Sequence[date], horizon: int) -> Parts:
        """The latest quarter, or what a horizon and some cutoffs need, is for judging; as much before, for choosing."""
        each = min(horizon + ORIGINS, len(dates) // SHARE)
        last = len(dates) - 1
        return cls(dates[last - 2 * each], dates[last - each], dates[last])

    @property
    def ends(self) -> tuple[date, date, date]:
        return self.learn, self.choose, self.judge


def between(frequency: str, cutoffs: Dates, end: date) -> Ints:
    """Periods from each cutoff to the end; 0 and below where it lies there or later."""
    days = cutoffs.astype("datetime64[D]")
    if frequency in DAYS:
        found: Ints = (as_day(end) - days.astype(np.int64)) // DAYS[frequency]
        return found
    return np.asarray(np.datetime64(end, "M").astype(np.int64) - days.astype("datetime64[M]").astype(np.int64))


def roomy(panel: Panel, before: int, after: int, whose: str = "") -> Panel:
    """With empty periods before it for young series and after it for what is not known yet. A plan that nobody has made
    is no promotion, and the last price. `whose`: put before the store's name, which others may have, too."""

    def past(values: Any) -> Any:
        return np.pad(values, ((0, 0), (before, after), *((0, 0),) * (values.ndim - 2)))

    missing = max(after - (panel.timeline.length - panel.known), 0)
    wide = replace(
        panel,
        timeline=panel.timeline.widened(before, missing),
        known=panel.known + before,
        launch=panel.launch + before,
    )
    after = missing
    texts = dict(panel.statics.texts)
    if whose and "store" in texts:
        texts["store"] = tuple(f"{whose}/{store}" for store in texts["store"])
    ahead = past(panel.ahead.values)
    for place, name in enumerate(panel.ahead.names):
        if missing and name.startswith("price"):
            ahead[:, -missing:, place] = ahead[:, -missing - 1, place][:, None]
    return replace(
        wide,
        demand=past(panel.demand),
        observed=past(panel.observed),
        censored=past(panel.censored),
        past=replace(panel.past, values=past(panel.past.values)),
        ahead=Group(panel.ahead.names, ahead, panel.ahead.quantities),
        statics=replace(panel.statics, texts=texts),
    )


def checked(tenant: Tenant, frequency: str) -> None:
    if not tenant.panels:
        raise DatasetError(f"{tenant.name} has no store with a usable history", hint="ingest its sales first")
    if tenant.frequency != frequency:
        raise DatasetError(
            f"{tenant.name} was read {tenant.frequency}, its donor is {frequency}",
            hint=f"read it with frequency={frequency!r}, or choose a {tenant.frequency} donor",
        )
    for panel in tenant.panels:
        if not bool(np.isfinite(panel.demand).all()):
            raise DatasetError(
                f"store {panel.store!r} of {tenant.name} has demand that is no number",
                hint="ingest its sales again: such rows are quarantined",
            )


def young(tenant: Tenant) -> str:
    """Why nothing can be learnt from it yet, in words; empty where something can."""
    if not any(bool((panel.demand > 0).any()) for panel in tenant.panels):
        return f"{tenant.name} never sold anything: its donor serves it untouched"
    count = len(tenant.dates())
    if count < LEAST:
        return f"{tenant.name} has {count} periods of history, {LEAST} are the least: its donor serves it untouched"
    return ""
