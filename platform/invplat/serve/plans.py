"""Another day, or other plans: a book of its own, of the series asked for, made for one request.

What is asked of a day in the past is answered from what was known on that day. A price or promotion that is not in the
model's inputs changes nothing, and that is said rather than hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np

from invplat.core.errors import DatasetError, FigureRefused
from invplat.data.dataset import Dataset
from invplat.data.dense import Ints
from invplat.data.panel import Group, Panel
from invplat.serve.book import Book, Names, panels_of, written
from invplat.serve.roster import Served
from invplat.serve.schemas import WhatIf


def planned(
    served: Served, dataset: Dataset, names: Names, as_of: date | None = None, what_if: WhatIf | None = None
) -> Book:
    if as_of is not None:
        first, last = date.fromisoformat(dataset.manifest.start), date.fromisoformat(dataset.manifest.end)
        if not first <= as_of <= last:
            raise FigureRefused(
                f"as_of {as_of} lies outside the history", hint=f"choose a day from {first} to {last}, or leave it out"
            )
    stores = sorted({store for store, _ in names})
    panels = panels_of(dataset, served.preparation.frequency, stores=stores, end=as_of)
    edit = None
    if what_if is not None:
        checked(panels, what_if)
        wish = what_if

        def edit(panel: Panel, rows: Ints) -> Panel:
            return edited(panel, rows, wish)

    try:
        return written(served.stack, served.preparation, dataset, panels, only=names, edit=edit)
    except DatasetError as error:
        if as_of is None:
            raise
        raise DatasetError(f"{error.message} as of {as_of}", hint="choose a later day") from error


def checked(panels: Sequence[Panel], what_if: WhatIf) -> None:
    wanted = []
    if what_if.price is not None or what_if.price_change is not None:
        wanted.append("price")
    if what_if.promotion is not None:
        wanted.append("promotion")
    for name in wanted:
        if not any(name in panel.ahead.names for panel in panels):
            raise FigureRefused(
                f"a {name} ahead is not among what is known of this business's future",
                hint=f"ingest sales with a row for every day, or declare {name} as known ahead in the mapping",
            )


def edited(panel: Panel, rows: Ints, what_if: WhatIf) -> Panel:
    """The panel with other plans for these rows, in the periods after its history."""
    dates = panel.dates
    ahead = np.arange(panel.timeline.length) >= panel.known
    if what_if.first is not None:
        ahead &= dates >= np.datetime64(what_if.first)
    if what_if.last is not None:
        ahead &= dates <= np.datetime64(what_if.last)
    columns = np.flatnonzero(ahead)
    values = panel.ahead.values.copy()
    names = panel.ahead.names
    cells: Any = np.ix_(rows, columns)
    if "price" in names:
        price = values[:, :, names.index("price")]
        if what_if.price is not None:
            price[cells] = what_if.price
            if "price_known" in names:
                values[:, :, names.index("price_known")][cells] = 1.0
        elif what_if.price_change is not None:
            price[cells] *= 1 + what_if.price_change
    if "promotion" in names and what_if.promotion is not None:
        values[:, :, names.index("promotion")][cells] = float(what_if.promotion)
    return replace(panel, ahead=Group(names, values, panel.ahead.quantities))
