"""What a kept model would have said on days gone by, of cells that another has spoken of.

At each cutoff it is told what was known by then and no more. Whether it has learnt from what followed is for whoever
asks to see to.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from invplat.data.lead_times import read_lead_times
from invplat.data.windows import Windows
from invplat.model import Model
from invplat.monitor.facts import Facts
from invplat.monitor.matching import panels_of
from invplat.transfer.tenants import roomy
from invplat.workload import Prediction

Doubles = np.ndarray[Any, np.dtype[np.float64]]


def said(model: Model, facts: Facts, cutoffs: Sequence[date]) -> tuple[Windows, Prediction]:
    """Of every series that had begun, at each cutoff."""
    spec, preparation = model.spec, model.preparation
    panels = list(panels_of(facts, preparation.frequency).values())
    wide = [roomy(panel, spec.past, spec.horizon) for panel in panels]
    ready = preparation.ready(wide, facts.dataset)
    windows = preparation.cut(ready, spec, cutoffs, targets=False, least=0)
    decides = bool({"vlt", "order"} & model.workload.predicts)
    times = [read_lead_times(facts.dataset)] * len(ready) if decides and facts.dataset.has("receipts") else []
    return windows, model.predict(windows, panels=ready, lead_times=times)


def medians(model: Model, facts: Facts, cells: pl.DataFrame) -> Doubles:
    """Of each cell (store, sku, as_of, step); NaN where the model can't speak of it."""
    cutoffs = sorted(cells["as_of"].unique().to_list())
    windows, found = said(model, facts, cutoffs)
    stores, skus = windows.texts["store"], windows.texts["sku"]
    days = windows.cutoffs.astype("datetime64[D]").tolist()
    place = {
        (str(stores[series]), str(skus[series]), day): row
        for row, (series, day) in enumerate(zip(windows.series.tolist(), days, strict=True))
    }
    keys = cells.select("store", "sku", "as_of").iter_rows()
    rows = np.array([place.get(key, -1) for key in keys], np.int64)
    steps = cells["step"].to_numpy().astype(np.int64) - 1
    middle = found.median.double().numpy()
    there = (rows >= 0) & (steps < middle.shape[1])
    answer = np.full(len(cells), np.nan)
    answer[there] = middle[rows[there], steps[there]]
    return answer
