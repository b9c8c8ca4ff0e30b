"""What boosted trees say, shared out among their columns: LightGBM's own tree explanation, exact by construction.

The usual answer is the mean of what they learnt from, at the series' own level. Knows no nets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from invplat.core.errors import DatasetError
from invplat.data.panel import Panel
from invplat.data.split import Origin
from invplat.evaluate.answers import Doubles
from invplat.evaluate.lagged import Lagged
from invplat.evaluate.learned import Learned
from invplat.evaluate.reasons.drivers import detail, driver
from invplat.evaluate.reasons.explanation import Explanation, Importance, Share, Weight, about, ranked
from invplat.evaluate.reasons.origins import AHEAD, ID, PAST, STATIC
from invplat.evaluate.reasons.origins import Origin as Place

NameOf = Callable[[Place, str], str]


def explain_trees(
    trees: Learned, panel: Panel, sku: str, origin: Origin, horizon: int, *, step: int | None = None
) -> Explanation:
    """One series' forecast; the panel as known at the origin, with room for the horizon."""
    asked = trees.asked([panel], origin, horizon)
    mine = np.flatnonzero((asked.series == panel.skus.index(sku)) & ((step is None) | (asked.steps == step)))
    if not len(mine):
        raise DatasetError(f"{sku} had not begun by {origin.cutoff}", hint="choose a later cutoff")
    rows = asked.where(mine)
    added, usual = _contributions(trees, rows)
    said = float((np.maximum(trees.mean.predict(rows.rows), 0) * rows.level).sum())
    places, total = _places(rows, [panel]), added.sum(axis=0)
    difference = said - float(usual.sum())
    # What trees add up to may lie below nothing, where the forecast is nothing.
    missing = abs(float(total.sum()) - difference) / max(abs(difference), 0.01 * abs(said), 1e-9)
    return Explanation(
        about=about(panel.frequency, horizon, step),
        store=panel.store,
        sku=sku,
        cutoff=origin.cutoff,
        level=float(rows.level[0]),
        forecast=said,
        baseline=float(usual.sum()),
        drivers=_shares(total, places, panel.frequency, driver),
        details=_shares(total, places, panel.frequency, detail),
        steps=0,
        gap=missing,
    )


def tree_importance(trees: Learned, panels: Sequence[Panel], origin: Origin, horizon: int, seed: int = 0) -> Importance:
    """On every row after one origin; the panels know what followed it."""
    asked = trees.asked(panels, origin, horizon, targets=True)
    added, usual = _contributions(trees, asked)
    frequency = panels[0].frequency
    members: dict[str, list[int]] = {}
    for place, column in enumerate(_places(asked, panels)):
        members.setdefault(driver(column, frequency), []).append(place)
    order = np.random.default_rng(seed).permutation(len(asked.target))
    matrix = trees.mean.encoding.apply(asked.rows)
    plain = _error(trees, matrix, asked)
    sizes = {name: float(np.abs(added[:, columns].sum(axis=1)).mean()) for name, columns in members.items()}
    whole = sum(sizes.values()) or 1.0
    weights = []
    for name, columns in members.items():
        mixed = matrix.copy()
        mixed[:, columns] = matrix[order][:, columns]
        worse = _error(trees, mixed, asked) / plain - 1 if plain > 0 else None
        weights.append(Weight(name, sizes[name], sizes[name] / whole, worse))
    raw = np.asarray(trees.mean.model.predict(matrix), np.float64) * asked.level
    missing = np.abs(added.sum(axis=1) + usual - raw).sum() / max(np.abs(raw - usual).sum(), 1e-9)
    return Importance(
        len(asked.target), plain, tuple(sorted(weights, key=lambda each: -each.attribution)), 0, float(missing)
    )


def _contributions(trees: Learned, asked: Lagged) -> tuple[Doubles, Doubles]:
    """In units: what each column adds to each row, and the row's usual answer."""
    fitted = trees.mean
    if fitted.name != "lightgbm":
        raise DatasetError(f"{fitted.name} has no trees to read", hint="explain lightgbm, or a workload's model")
    shared = np.asarray(fitted.model.predict(fitted.encoding.apply(asked.rows), pred_contrib=True), np.float64)
    shared *= asked.level[:, None]
    return shared[:, :-1], shared[:, -1]


def _error(trees: Learned, matrix: Doubles, asked: Lagged) -> float:
    said = np.maximum(np.asarray(trees.mean.model.predict(matrix), np.float64), 0) * asked.level
    return float(np.abs(said - asked.target).mean())


def _places(asked: Lagged, panels: Sequence[Panel]) -> list[Place]:
    ahead = {name for panel in panels for name in panel.ahead.names}
    static = {name for panel in panels for name in panel.statics.names}
    kinds = [(STATIC if name in static else AHEAD if name in ahead else PAST) for name in asked.rows.number_names]
    return [
        *(Place(ID, name) for name in asked.rows.code_names),
        *(Place(kind, name) for kind, name in zip(kinds, asked.rows.number_names, strict=True)),
    ]


def _shares(total: Doubles, places: Sequence[Place], frequency: str, name_of: NameOf) -> tuple[Share, ...]:
    found: dict[str, float] = {}
    for place, value in zip(places, total.tolist(), strict=True):
        name = name_of(place, frequency)
        found[name] = found.get(name, 0.0) + value
    return ranked(found.items())
