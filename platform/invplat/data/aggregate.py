"""Days gathered into weeks or months, each column in its own way. A period counts as observed when all its days are.

Quantities add up, promotion is the period's highest, counts of stock its last. A price of the past is weighted by what
was sold at it; a planned price is a plain mean over the days, for weights would tell what was sold.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from invplat.data.dense import Bools, Floats
from invplat.data.panel import Group, Panel
from invplat.data.timeline import Timeline

Doubles = npt.NDArray[np.float64]
SUMS = frozenset({"demand", "returned"})
LASTS = frozenset({"on_hand", "on_order", "stock_known"})
HIGHS = frozenset({"promotion", "censored"})
MEANS = frozenset({"available", "discount"})


def aggregated(panel: Panel, span: Timeline, known: int) -> Panel:
    """The daily panel must cover the span's days exactly."""
    gather = _Gather(panel, span)
    shape = (panel.shape[0], span.length)
    observed = np.logical_and.reduceat(panel.observed, gather.starts, axis=1)
    past: dict[str, Floats | Bools] = {}
    for name in panel.past.names:
        past[name] = observed if name == "observed" else gather.column(panel.past, name, weights=panel.demand)
    for column in past.values():
        column[:, known:] = 0
    ahead = {name: gather.column(panel.ahead, name, weights=None) for name in panel.ahead.names}
    origin = panel.timeline.origin
    return replace(
        panel,
        timeline=span,
        known=known,
        launch=span.index(origin + panel.launch),
        demand=np.asarray(past["demand"], np.float32),
        observed=observed,
        censored=np.asarray(past["censored"], np.float32) > 0,
        past=Group.of(past, shape, panel.past.quantities),
        ahead=Group.of(ahead, shape, panel.ahead.quantities),
    )


class _Gather:
    def __init__(self, panel: Panel, span: Timeline) -> None:
        self.starts = (span.starts() - panel.timeline.origin).astype(np.int64)
        self.lasts = np.append(self.starts[1:], panel.timeline.length) - 1

    def sum(self, values: Floats | Bools | Doubles) -> Doubles:
        total: Doubles = np.add.reduceat(values.astype(np.float64), self.starts, axis=1)
        return total

    def column(self, group: Group, name: str, weights: Floats | None) -> Floats:
        values = group.column(name)
        if name in SUMS:
            return self.sum(values).astype(np.float32)
        if name in LASTS:
            return values[:, self.lasts]
        if name in HIGHS or name.endswith("_known"):
            return np.maximum.reduceat(values, self.starts, axis=1)
        if name in MEANS:
            return (self.sum(values) / (self.lasts - self.starts + 1)).astype(np.float32)
        there = group.column(f"{name}_known")
        if name == "price" and weights is not None:
            there = np.where(self._spread(self.sum(weights * there)) > 0, weights * there, there)
        total = self.sum(there)
        return np.divide(self.sum(values * there), total, out=np.zeros_like(total), where=total > 0).astype(np.float32)

    def _spread(self, periods: Doubles) -> Doubles:
        return np.repeat(periods, self.lasts - self.starts + 1, axis=1)
