"""A comparison: every model on the same windows by the same judge, kept as one record that tables and charts read.

Two protocols. *ours*: rolling origins on panels, past sales allowed to every model. *report*: the seed report's flat
table of monthly quantity, attributes only, split at random. Knows nothing of how a model learns or how pictures look.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from invplat.data.panel import Panel
from invplat.evaluate.answers import Doubles
from invplat.evaluate.backtest import Backtest
from invplat.evaluate.costs import Cost
from invplat.evaluate.figures import Figure
from invplat.evaluate.tabular_references import Outcome

OURS, REPORT = "ours", "report"


@dataclass(frozen=True)
class Row:
    """One model in a table."""

    model: str
    figures: Mapping[str, Figure]
    seconds: float  # fitting and answering
    settings: Mapping[str, Any] = field(default_factory=dict)  # as chosen on validation, where something was


@dataclass(frozen=True)
class Table:
    protocol: str  # OURS or REPORT
    about: str  # a sentence: what was asked of whom
    judged: int  # rows that every model was judged on
    rows: tuple[Row, ...]  # the smallest RMSE first

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for row in self.rows for name in row.figures))


@dataclass(frozen=True)
class Curve:
    """How a fit went, an entry an epoch."""

    train: tuple[float, ...]
    validation: tuple[float | None, ...]
    best: int  # the epoch whose weights were kept, from 1


@dataclass(frozen=True)
class Tabular:
    """What every model said of the test rows of the report's table."""

    actual: Doubles
    outcomes: tuple[Outcome, ...]  # `predicted` runs along `actual`


@dataclass(frozen=True)
class Comparison:
    tenant: str
    workloads: tuple[str, ...]  # which of the models are ours; the others are references
    frequency: str
    season: int  # periods
    horizon: int
    cutoffs: tuple[date, ...]  # of the rolling origins, oldest first
    tables: Mapping[str, Table]  # by protocol, those that were asked for
    backtest: Backtest | None = None  # every answer of OURS, with labels to group by
    tabular: Tabular | None = None  # every answer of REPORT
    training: Mapping[str, Curve] = field(default_factory=dict)  # of each net, its last fit that chose its epochs
    costs: tuple[Cost, ...] = ()  # hindsight first, then the cheapest
    notes: tuple[str, ...] = ()
    panels: tuple[Panel, ...] = field(default=(), repr=False)  # the history that the origins lie in
