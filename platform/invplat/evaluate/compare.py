"""A comparison: every model on the same windows by the same judge, kept as one record that tables and charts read.

Two protocols. *ours*: rolling origins on panels, past sales allowed to every model. *report*: the seed report's flat
table of monthly quantity, attributes only, split at random. Knows nothing of how a model learns or how pictures look.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from invplat.data.panel import Panel
from invplat.evaluate.answers import Doubles
from invplat.evaluate.backtest import Backtest
from invplat.evaluate.costs import Cost
from invplat.evaluate.figures import Figure
from invplat.evaluate.metrics import intervals, measure
from invplat.evaluate.tabular_references import REPORT as COLUMNS
from invplat.evaluate.tabular_references import Outcome, Parts, TabularData

OURS, REPORT = "ours", "report"
BEYOND = ("wape", "mase", "bias", "pinball")  # columns of OURS beside the report's, and an interval's coverage
HIGHER = ("correlation", "r2")  # more is better; of a coverage, what is nearest to its promise


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

    def best(self, metric: str) -> tuple[str, ...]:
        """The models that no other is better than."""
        found = {row.model: badness(metric, row.figures[metric]) for row in self.rows if metric in row.figures}
        least = min(found.values(), default=math.inf)
        return tuple(name for name, bad in found.items() if bad == least and math.isfinite(bad))


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

    def to_json(self) -> dict[str, Any]:
        """Without the answers and panels: those are tables of their own."""
        return {
            "tenant": self.tenant,
            "workloads": list(self.workloads),
            "frequency": self.frequency,
            "season": self.season,
            "horizon": self.horizon,
            "cutoffs": [str(cutoff) for cutoff in self.cutoffs],
            "tables": {name: _table_json(table) for name, table in self.tables.items()},
            "costs": [_cost_json(cost) for cost in self.costs],
            "training": {
                name: {"train": list(curve.train), "validation": list(curve.validation), "best": curve.best}
                for name, curve in self.training.items()
            },
            "notes": list(self.notes),
        }


def table_of_backtest(found: Backtest, about: str) -> Table:
    """The report's columns, and what panels and quantiles allow beside them."""
    levels = max((answers.levels for answers in found.answers.values()), key=len)
    coverage = coverage_of(levels)
    rows = []
    for name, answers in found.answers.items():
        wanted = [*COLUMNS, *BEYOND, *coverage]
        there = [metric for metric in wanted if answers.levels or metric not in ("pinball", *coverage)]
        figures = measure(answers, there)
        figures |= {metric: Figure(None, "it says no quantiles") for metric in wanted if metric not in figures}
        rows.append(Row(name, {metric: figures[metric] for metric in wanted}, found.seconds[name]))
    return Table(OURS, about, len(next(iter(found.answers.values()))), ordered(rows))


def table_of_outcomes(data: TabularData, parts: Parts, outcomes: Sequence[Outcome]) -> Table:
    about = (
        f"monthly quantity by store and product, attributes only, no past sales; {len(parts.train):,} rows to learn, "
        f"{len(parts.validation):,} to choose, {len(parts.test):,} to judge, at random"
    )
    columns = (*COLUMNS, "wape", "bias")
    rows = [
        Row(outcome.name, {name: outcome.figures[name] for name in columns}, outcome.seconds, outcome.settings)
        for outcome in outcomes
    ]
    return Table(REPORT, about, len(parts.test), ordered(rows))


def coverage_of(levels: Sequence[float]) -> tuple[str, ...]:
    """The interval that is looked at: of 80 % where there is one, else the widest."""
    there = [name for name in intervals(levels) if name.startswith("coverage_")]
    return ("coverage_80",) if "coverage_80" in there else tuple(there[:1])


def ordered(rows: Sequence[Row]) -> tuple[Row, ...]:
    return tuple(sorted(rows, key=lambda row: badness("rmse", row.figures["rmse"])))


def badness(metric: str, figure: Figure) -> float:
    if figure.value is None:
        return math.inf
    if metric in HIGHER:
        return -figure.value
    if metric.startswith("coverage_"):
        return abs(figure.value - float(metric.removeprefix("coverage_")) / 100)
    return abs(figure.value) if metric == "bias" else figure.value


def _table_json(table: Table) -> dict[str, Any]:
    return {
        "about": table.about,
        "judged": table.judged,
        "models": [
            {
                "model": row.model,
                **{name: figure.value for name, figure in row.figures.items()},
                "seconds": row.seconds,
                "settings": dict(row.settings),
                "notes": {name: figure.note for name, figure in row.figures.items() if figure.note},
            }
            for row in table.rows
        ],
    }


def _cost_json(cost: Cost) -> dict[str, Any]:
    return {**asdict(cost), "total": cost.total}
