"""One series under a model's orders and under hindsight's, period by period: what a picture of its stock needs.

By the same rules that `costs` judges all series by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from invplat.data.panel import Panel
from invplat.evaluate.answers import Answers, Doubles
from invplat.evaluate.backtest import Forecast
from invplat.evaluate.costs import Terms, correlation, followed, in_hindsight, scene
from invplat.evaluate.known import some_series

if TYPE_CHECKING:
    from invplat.inventory.outcome import Outcome


@dataclass(frozen=True)
class Lived:
    """Along the horizon."""

    on_hand: Doubles  # at the end of the period
    order: Doubles
    owed: Doubles  # at the end of the period


@dataclass(frozen=True)
class Story:
    store: str
    sku: str
    days: tuple[date, ...]
    demand: Doubles
    model: Lived
    hindsight: Lived


def best_seller(answers: Answers, panels: Sequence[Panel], terms: Terms) -> Story | None:
    """Of the series whose every period was seen whole after the last cutoff, the one that sold most."""
    cutoff = max(answers.label("cutoff").names)
    last = answers.where(answers.label("cutoff").codes == answers.label("cutoff").names.index(cutoff))
    horizon = len(last.label("step").names)
    series = last.label("series")
    seen = np.bincount(series.codes, minlength=len(series.names))
    sold = np.bincount(series.codes, last.actual, len(series.names))
    whole = np.flatnonzero((seen == horizon) & (sold > 0))
    if not len(whole) or len(answers.levels) < 2:
        return None
    mine = last.where(series.codes == whole[np.argmax(sold[whole])])
    store, sku = (str(mine.label(key).names[mine.label(key).codes[0]]) for key in ("store", "sku"))
    panel = next(panel for panel in panels if panel.store == store)
    together = correlation(panels, min(answers.label("cutoff").names), terms.lead + terms.review)
    return story(mine, panel, sku, cutoff, terms, together, whole_units(panels))


def whole_units(panels: Sequence[Panel]) -> bool:
    return all(bool((panel.demand == np.round(panel.demand)).all()) for panel in panels)


def story(mine: Answers, panel: Panel, sku: str, cutoff: date, terms: Terms, together: float, whole: bool) -> Story:
    """`mine`: the answers for this series at this cutoff, one a step."""
    order = np.argsort(np.array(mine.label("step").names)[mine.label("step").codes])
    horizon = len(order)
    alone = some_series(panel, np.array([panel.skus.index(sku)]))
    there = scene(alone, cutoff, horizon, terms)
    said = Forecast(mine.predicted[order][None], mine.quantiles[order][None], mine.levels)
    outcomes = [followed(there, said, terms, whole, together), in_hindsight(there, terms, whole)]
    now = panel.period(cutoff)
    # Hindsight decides on the day that its order arrives: it was placed a lead time before.
    ours, best = (_lived(outcome, shift) for outcome, shift in zip(outcomes, (0, terms.lead), strict=True))
    days = tuple(panel.dates[now + 1 : now + 1 + horizon].tolist())
    return Story(panel.store, sku, days, there.demand[0], ours, best)


def _lived(outcome: Outcome, shift: int) -> Lived:
    path = outcome.path
    assert path is not None  # asked for by `costs`
    on_hand, order, owed = (np.asarray(column[0]) for column in (path.on_hand, path.order, path.short))
    return Lived(on_hand, np.concatenate([order[shift:], np.zeros(shift)]), owed)
