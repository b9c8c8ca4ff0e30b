"""What a look at a business is made from: its newest data up to today as panels, and what its model has learnt from.

Everything is read once; knows nothing of forecasts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from invplat.core.errors import DatasetError, InvplatError
from invplat.data.assemble import build_panel
from invplat.data.dataset import Dataset
from invplat.data.panel import Panel
from invplat.evaluate.naive import certain
from invplat.evaluate.references import SEASON
from invplat.registry import aliases, datasets, versions
from invplat.registry.database import Database
from invplat.storage import Storage

BLOCK = {"daily": 7, "weekly": 1, "monthly": 1}  # periods that are looked at together
RECENT = {"daily": 4, "weekly": 4, "monthly": 3}  # blocks that count as now


@dataclass(frozen=True)
class Facts:
    tenant: str
    dataset: Dataset
    panels: tuple[Panel, ...]  # stores with a usable history
    today: date
    learnt: date | None  # the last day of this business's data that its model has learnt from
    arrivals: tuple[date, ...]  # the last day of each version of the data, oldest first

    @property
    def frequency(self) -> str:
        return self.dataset.frequency

    @cached_property
    def end(self) -> date:
        """The last day of which anything is known."""
        return min(date.fromisoformat(self.dataset.manifest.end), self.today)

    @cached_property
    def first(self) -> np.datetime64:
        return min(panel.dates[0] for panel in self.panels)

    @cached_property
    def dates(self) -> np.ndarray[Any, np.dtype[np.datetime64]]:
        """One calendar for all stores."""
        longest = max(self.panels, key=lambda panel: panel.dates[panel.known - 1])
        timeline = longest.timeline.cut(0, longest.known)
        before = int(-timeline.index(int(self.first.astype("datetime64[D]").astype(np.int64))))
        return timeline.widened(max(before, 0), 0).dates

    @cached_property
    def width(self) -> int:
        return len(self.dates)

    def shift(self, panel: Panel) -> int:
        """The place of a panel's first period on the common calendar."""
        return int(np.searchsorted(self.dates, panel.dates[0]))

    def spread(self, panel: Panel, values: Any, fill: float = np.nan) -> npt.NDArray[Any]:
        """Series × periods of a panel's history on the common calendar."""
        found = np.full((len(values), self.width), fill)
        start = self.shift(panel)
        found[:, start : start + panel.known] = values[:, : panel.known]
        return found

    @cached_property
    def demand(self) -> npt.NDArray[Any]:
        """Of every series, NaN where it is not known whole."""
        return np.concatenate([self.spread(panel, certain(panel)) for panel in self.panels])

    @cached_property
    def sold(self) -> npt.NDArray[Any]:
        """Of every series, 0 where nobody knows."""
        return np.concatenate([self.spread(panel, panel.demand.astype(np.float64), 0.0) for panel in self.panels])

    @cached_property
    def short(self) -> npt.NDArray[Any]:
        """Where a shelf was empty."""
        return np.concatenate([self.spread(panel, panel.censored.astype(np.float64), 0.0) > 0 for panel in self.panels])

    @cached_property
    def names(self) -> list[tuple[str, str]]:
        return [(panel.store, sku) for panel in self.panels for sku in panel.skus]

    @cached_property
    def categories(self) -> list[str]:
        found: list[str] = []
        for panel in self.panels:
            texts = panel.statics.texts.get("category", (None,) * len(panel.skus))
            found += [text or "" for text in texts]
        return found

    @cached_property
    def launch(self) -> npt.NDArray[Any]:
        """The place of each series' first row."""
        return np.concatenate([panel.launch + self.shift(panel) for panel in self.panels])

    @property
    def season(self) -> int:
        return SEASON[self.frequency]

    def day(self, place: int) -> str:
        return str(self.dates[int(np.clip(place, 0, self.width - 1))])


def read_facts(database: Database, storage: Storage, tenant: str, today: date) -> Facts:
    dataset = Dataset.open(storage, tenant)
    found, why = [], ""
    for store in dataset.stores:
        try:
            found.append(build_panel(dataset, store, end=min(today, date.fromisoformat(dataset.manifest.end))))
        except DatasetError as error:
            why = error.message
    if not found:
        raise DatasetError(
            f"no store of {tenant} has a usable history up to {today}: {why}", hint="give a later --today"
        )
    known = tuple(date.fromisoformat(one.last) for one in datasets.of_tenant(database, tenant) if one.last)
    model = champion(database, tenant)
    return Facts(tenant, dataset, tuple(found), today, _learnt(database, tenant, model, today), known)


def champion(database: Database, tenant: str) -> str | None:
    """The id of the model that answers for it: its own champion, or the bases', or the base that was made last."""
    for owner in (tenant, None):
        found = [one for one in aliases.of_tenant(database, owner) if one.alias == aliases.CHAMPION]
        if found:
            return max(found, key=lambda one: one.changed).model
    bases = [one for one in versions.of_tenant(database, None) if one.prefix]
    return max(bases, key=lambda one: one.made).id if bases else None


def _learnt(database: Database, tenant: str, model: str | None, today: date) -> date | None:
    if model is None:
        return None
    try:
        version = versions.by_id(database, tenant, model)
    except InvplatError:
        return None
    ends = {one.version: one.last for one in datasets.of_tenant(database, tenant)}
    mine = [ends[one.version] for one in version.datasets if one.tenant == tenant and one.version in ends]
    found = max((date.fromisoformat(end) for end in mine if end), default=None)
    return None if found is None else min(found, today)
