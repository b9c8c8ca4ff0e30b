"""Windows as one flat table, for models that know no time: linear, neighbours, trees.

A row is (series, cutoff, step): features of the past as they stood at the cutoff, features known ahead as they stand at
the step's own period, what does not change, and the step. Unknown is NaN; texts become ids by fitted vocabularies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from invplat.core.errors import DatasetError
from invplat.data.dataset import Dataset
from invplat.data.dense import Bools, Floats, Ints
from invplat.data.features import Recipe, features, sure_demand
from invplat.data.panel import Panel
from invplat.data.timeline import Dates
from invplat.data.windows import Encoder


@dataclass(frozen=True)
class Design:
    names: tuple[str, ...]
    values: Floats  # rows × names
    categorical: tuple[str, ...]  # which names are ids
    target: Floats
    observed: Bools
    censored: Bools
    series: Ints  # of each row
    cutoffs: Dates
    steps: Ints  # 1 is the period after the cutoff
    dates: Dates  # the period that the target is of
    quantities: tuple[str, ...] = ()  # names of numbers counted in the target's unit


def design(
    panel: Panel,
    recipe: Recipe,
    *,
    horizon: int,
    cutoffs: Sequence[Any],
    dataset: Dataset | None = None,
    encoders: Mapping[str, Encoder] | None = None,
    season: int = 0,
    targets: bool = True,
) -> Design:
    """With `season`, each row also has the demand of the same phase in the last season that the cutoff knows.
    With `targets`, rows whose target nobody observed are left out."""
    marks = np.unique(np.array([panel.period(cutoff) for cutoff in cutoffs], np.int64))
    marks = marks[(marks >= 0) & (marks < min(panel.known, panel.timeline.length - horizon))]
    if not len(marks):
        raise DatasetError(
            f"no cutoff lies in the history of store {panel.store!r} with {horizon} periods after it",
            hint=f"history: {panel.dates[0]} to {panel.last}; to forecast beyond, build the panel with after={horizon}",
        )
    which, at, step = np.meshgrid(np.arange(panel.shape[0]), marks, np.arange(1, horizon + 1), indexing="ij")
    series, cutoff, steps = which.reshape(-1), at.reshape(-1), step.reshape(-1)
    period = cutoff + steps
    keep = panel.launch[series] <= cutoff
    if targets:
        keep &= panel.observed[series, period]
    series, cutoff, steps, period = series[keep], cutoff[keep], steps[keep], period[keep]

    found = features(panel, recipe, dataset)
    past = {**_unknown_as_nan(panel.past.names, panel), **found.past}
    ahead = {**_unknown_as_nan(panel.ahead.names, panel), **found.ahead}
    columns: dict[str, Any] = {"step": steps}
    columns.update({name: _at(column, series, cutoff) for name, column in past.items()})
    columns.update(
        {f"{name}_then" if name in columns else name: _at(column, series, period) for name, column in ahead.items()}
    )
    if season:
        back = period - season * -(-steps // season)
        sure = sure_demand(panel)
        columns[f"season_{season}"] = np.where(back >= 0, sure[series, np.maximum(back, 0)], np.float32(np.nan))
    for name in panel.statics.names:
        if not name.endswith("_known"):
            known = panel.statics.column(f"{name}_known") > 0
            columns[name if name not in columns else f"product_{name}"] = np.where(
                known, panel.statics.column(name), np.float32(np.nan)
            )[series]
    vocabularies = dict(encoders or {})
    for name, encoder in vocabularies.items():
        columns[name] = encoder.apply(panel.statics.texts[name])[series]
    values = np.empty((len(series), len(columns)), np.float32)
    for place, column in enumerate(columns.values()):
        values[:, place] = column
    dates = panel.dates
    return Design(
        names=tuple(columns),
        values=values,
        categorical=tuple(vocabularies),
        target=panel.demand[series, period],
        observed=panel.observed[series, period],
        censored=panel.censored[series, period],
        series=series,
        cutoffs=dates[cutoff],
        steps=steps,
        dates=dates[period],
    )


def _unknown_as_nan(names: Sequence[str], panel: Panel) -> dict[str, Floats]:
    """The panel's own columns, each with its indicator folded in."""
    columns: dict[str, Floats] = {}
    for name in names:
        indicator = {"demand": "observed", "on_hand": "stock_known", "on_order": "stock_known"}.get(
            name, f"{name}_known"
        )
        if name in ("observed", "stock_known") or name.endswith("_known"):
            continue
        column = panel.column(name)
        columns[name] = (
            np.where(panel.column(indicator) > 0, column, np.float32(np.nan)) if panel.has(indicator) else column
        )
    return columns


def _at(column: Floats, series: Ints, period: Ints) -> Floats:
    found: Floats = column[period] if column.ndim == 1 else column[series, period]
    return found
