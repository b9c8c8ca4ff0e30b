"""What a net is told of a business's series at a cutoff, ready to be asked: made once for a version of its data.

The same steps that judge a model in process make it, so what is served is what was judged. Other plans (`what_if`) or
another day make another book, of the series asked for alone. Knows no weights but those of the shared trunk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from invplat.core.errors import DatasetError
from invplat.data.assemble import build_panel
from invplat.data.dataset import Dataset
from invplat.data.dense import Ints
from invplat.data.lead_times import LeadTimes, read_lead_times
from invplat.data.panel import Panel
from invplat.data.timeline import Timeline
from invplat.evaluate.known import some_series
from invplat.model import Preparation
from invplat.serve.heads import Asked, Stack
from invplat.transfer.tenants import roomy

Names = Sequence[tuple[str, str]]  # store and SKU of each series
Edit = Callable[[Panel, Ints], Panel]  # other plans for some of its rows, on a panel with room for what is to come


@dataclass(frozen=True)
class Book:
    tenant: str
    dataset: int
    frequency: str
    as_of: date
    dates: tuple[date, ...]  # first days of the periods answered for
    names: tuple[tuple[str, str], ...]
    categories: tuple[str | None, ...]
    told: dict[str, Tensor]
    fields: dict[str, Tensor]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def place(self) -> dict[tuple[str, str], int]:
        return {name: row for row, name in enumerate(self.names)}

    @property
    def nbytes(self) -> int:
        each = sum(len(store) + len(sku) + 200 for store, sku in self.names)
        return each + sum(value.nbytes for value in (*self.told.values(), *self.fields.values()))

    def asked(self, row: int, which: Any = None) -> Asked:
        """Some of the series, for the net in that row of its stack; all where none are named."""
        if which is None:
            return Asked(row, self.told, self.fields, len(self))
        if isinstance(which, int):
            place: Any = slice(which, which + 1)
            count = 1
        else:
            place, count = torch.as_tensor(which), len(which)
        pick = {name: value[place] for name, value in self.told.items()}
        return Asked(row, pick, {name: value[place] for name, value in self.fields.items()}, count)


def panels_of(
    dataset: Dataset, frequency: str, *, stores: Sequence[str] | None = None, end: date | None = None
) -> list[Panel]:
    """Of the stores that have a usable history; nothing after `end` is known."""
    found, why = [], ""
    for store in dataset.stores if stores is None else stores:
        try:
            found.append(build_panel(dataset, store, frequency=frequency, end=end))
        except DatasetError as error:  # one store without a usable history is no reason to do without the others
            why = error.message
    if not found:
        raise DatasetError(
            f"no store of {dataset.tenant} has a usable history{f' up to {end}' if end else ''}: {why}",
            hint="choose a later day" if end else "ingest sales first",
        )
    return found


def written(
    stack: Stack,
    preparation: Preparation,
    dataset: Dataset,
    panels: Sequence[Panel],
    *,
    only: Names | None = None,
    edit: Edit | None = None,
    times: LeadTimes | None = None,
) -> Book:
    """From panels as they were read. The cutoff is the last period that any of them knows."""
    model = stack.model
    spec, workload = model.spec, model.workload
    last = max(panel.last for panel in panels)
    chosen = [(panel, rows) for panel in panels if len(rows := _rows(panel, only))]
    if not chosen:
        raise DatasetError("none of the series asked for has a history", hint="name others")
    wide = [roomy(panel, spec.past, spec.horizon) for panel, _ in chosen]
    if edit is not None:
        wide = [edit(panel, rows) for panel, (_, rows) in zip(wide, chosen, strict=True)]
    ready = preparation.ready(wide, dataset)  # of whole stores: what a category does is seen by all of its series
    if only is not None:
        ready = [some_series(panel, rows) for panel, (_, rows) in zip(ready, chosen, strict=True)]
    windows = preparation.cut(ready, spec, [last], targets=False, least=0)
    decides = bool({"vlt", "order"} & workload.predicts)
    if decides and times is None and dataset.has("receipts"):
        times = read_lead_times(dataset)
    known = [times] * len(ready) if decides and times is not None else []
    told, kept = stack.told(windows, ready, known)
    texts = windows.texts
    stores, skus = texts["store"], texts["sku"]
    categories = texts.get("category", (None,) * len(skus))
    order = windows.series.tolist()
    open_still = next(panel for panel in panels if panel.last == last)  # the first may be of a store that has closed
    dates = once(_after(open_still.timeline, last, spec.horizon))
    return Book(
        dataset.tenant,
        dataset.version,
        preparation.frequency,
        last,
        dates,
        tuple((str(stores[row]), str(skus[row])) for row in order),
        tuple(categories[row] for row in order),
        told,
        kept,
    )


@lru_cache(maxsize=256)
def once(dates: tuple[date, ...]) -> tuple[date, ...]:
    """The same object for all who are answered for the same days: it stays in the processor's cache, whoever asks."""
    return dates


def _rows(panel: Panel, only: Names | None) -> Ints:
    if only is None:
        return np.arange(len(panel.skus))
    wanted = {sku for store, sku in only if store == panel.store}
    return np.asarray([row for row, sku in enumerate(panel.skus) if sku in wanted], np.int64)


def _after(timeline: Timeline, last: date, horizon: int) -> tuple[date, ...]:
    """First days of the periods after the one that `last` lies in."""
    place = int(timeline.index(int(np.datetime64(last, "D").astype(np.int64))))
    starts = timeline.widened(0, horizon).starts()[place + 1 : place + 1 + horizon]
    found: list[date] = starts.astype("datetime64[D]").tolist()
    return tuple(found)
