"""A panel as it stood at a cutoff: what a forecaster may be shown, and nothing that came later.

Facts after the cutoff are gone from the arrays, not merely masked; series that began later are gone too. What was
planned ahead stays for the periods to be forecast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from invplat.core.errors import DatasetError
from invplat.data.dense import Bools, Ints
from invplat.data.panel import Group, Panel
from invplat.data.statics import Statics


def reaches(panel: Panel, cutoff: Any, horizon: int) -> bool:
    """Whether the store was there at the cutoff and the panel has room for the horizon."""
    period = panel.period(cutoff)
    return 0 <= period < panel.known and period + horizon < panel.timeline.length and bool(panel.launched(cutoff).any())


def as_known(panel: Panel, cutoff: Any, horizon: int, keep: int | None = None) -> Panel:
    """Up to the cutoff and, of plans, `horizon` periods beyond; with `keep`, only the last so many periods."""
    if not reaches(panel, cutoff, horizon):
        raise DatasetError(
            f"the panel of store {panel.store!r} can't be forecast from {cutoff} for {horizon} periods",
            hint=f"its history is {panel.dates[0]} to {panel.last}; for the future build it with after={horizon}",
        )
    now = panel.period(cutoff)
    first = 0 if keep is None else max(0, now + 1 - keep)
    there = np.flatnonzero(panel.launch <= now)
    stop, known = now + 1 + horizon, now + 1 - first
    return replace(
        panel,
        timeline=panel.timeline.cut(first, stop - first),
        known=known,
        skus=tuple(panel.skus[row] for row in there.tolist()),
        launch=panel.launch[there] - first,
        demand=_past(panel.demand, there, first, stop, known),
        observed=_past(panel.observed, there, first, stop, known),
        censored=_past(panel.censored, there, first, stop, known),
        past=Group(panel.past.names, _past(panel.past.values, there, first, stop, known), panel.past.quantities),
        ahead=Group(panel.ahead.names, panel.ahead.values[there, first:stop].copy(), panel.ahead.quantities),
        statics=_statics(panel.statics, there),
        row_share=_row_share(panel.observed[there, : now + 1], panel.launch[there]),
    )


def some_series(panel: Panel, rows: Ints) -> Panel:
    """The panel of these series only."""
    chosen: Sequence[int] = rows.tolist()
    return replace(
        panel,
        skus=tuple(panel.skus[row] for row in chosen),
        launch=panel.launch[rows],
        demand=panel.demand[rows],
        observed=panel.observed[rows],
        censored=panel.censored[rows],
        past=replace(panel.past, values=panel.past.values[rows]),
        ahead=replace(panel.ahead, values=panel.ahead.values[rows]),
        statics=_statics(panel.statics, rows),
        row_share=_row_share(panel.observed[rows, : panel.known], panel.launch[rows]),
    )


def _past(values: Any, there: Ints, first: int, stop: int, known: int) -> Any:
    found = values[there, first:stop].copy()
    found[:, known:] = 0
    return found


def _statics(statics: Statics, there: Ints) -> Statics:
    rows: Sequence[int] = there.tolist()
    texts = {name: tuple(values[row] for row in rows) for name, values in statics.texts.items()}
    return Statics(statics.names, statics.values[there], texts)


def _row_share(observed: Bools, launch: Ints) -> float:
    """The panel's own share counts rows of the future; what was observed until now stands in for it."""
    exists = np.arange(observed.shape[1]) >= launch[:, None]
    return float((observed & exists).sum() / max(int(exists.sum()), 1))
