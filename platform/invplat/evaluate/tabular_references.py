"""The seed report's comparison: rows of features without past sales, and the reference estimators on them.

A `TabularData` is columns by name, texts or numbers, and a target; three parts of its rows learn, choose and judge.
Knows nothing of where rows come from or how they were split.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from invplat.core.errors import DatasetError
from invplat.data.timeline import Dates
from invplat.data.transforms import Categories
from invplat.evaluate.answers import Answers, Doubles, Ints
from invplat.evaluate.estimators import GRIDS, NEIGHBOUR_ROWS, Rows, estimate
from invplat.evaluate.figures import Figure
from invplat.evaluate.metrics import measure

REPORT = ("rmse", "correlation", "mae", "rae", "rrse", "mape", "r2")  # the columns of the report's table


@dataclass(frozen=True)
class Parts:
    """Indices of rows; no row in two parts."""

    train: Ints
    validation: Ints
    test: Ints

    def __post_init__(self) -> None:
        whole = np.concatenate([self.train, self.validation, self.test])
        if len(np.unique(whole)) < len(whole):
            raise DatasetError("a row is in more than one part", hint="split every row once")
        if not len(self.train) or not len(self.validation) or not len(self.test):
            sizes = f"{len(self.train)}, {len(self.validation)} and {len(self.test)}"
            raise DatasetError(f"parts of {sizes} rows", hint="train, validation and test each need some")


@dataclass(frozen=True)
class TabularData:
    numbers: Mapping[str, Doubles]  # NaN where unknown
    texts: Mapping[str, Sequence[str | None]]
    target: Doubles
    dates: Dates | None = None  # of what each row's target is of, where rows follow each other in time
    quantities: tuple[str, ...] = ()  # names of numbers counted in the target's unit, such as past sales

    def __post_init__(self) -> None:
        dates = {} if self.dates is None else {"dates": self.dates}
        for name, column in {**self.numbers, **self.texts, **dates}.items():
            if len(column) != len(self.target):
                raise DatasetError(
                    f"column {name} has {len(column)} rows, the target {len(self.target)}", hint="one value a row"
                )

    def rows(self, learnt_from: Ints) -> Rows:
        """Texts become codes by what the training rows said; others are unknown."""
        codes = []
        for values in self.texts.values():
            column = np.asarray(values, object)
            codes.append(Categories.fit(column[learnt_from], cutoff="").apply(column.tolist()))
        shape = (len(self.target), 0)
        return Rows(
            np.stack(list(self.numbers.values()), axis=1).astype(np.float64) if self.numbers else np.zeros(shape),
            np.stack(codes, axis=1) if codes else np.zeros(shape, np.int64),
            tuple(self.numbers),
            tuple(self.texts),
        )


@dataclass(frozen=True)
class Outcome:
    """What one model said of the test rows."""

    name: str
    predicted: Doubles
    figures: Mapping[str, Figure]
    settings: Mapping[str, Any]
    seconds: float


def judged(data: TabularData, parts: Parts, name: str, predicted: npt.ArrayLike) -> dict[str, Figure]:
    """Any model's predictions of the test rows, by the same judge."""
    return measure(Answers.of(data.target[parts.test], predicted), (*REPORT, "wape", "bias"))


def tabular_reference(
    data: TabularData,
    parts: Parts,
    name: str,
    *,
    grid: Mapping[str, Sequence[Any]] | None = None,
    most: int | None = None,
    refit: bool = False,
    seed: int = 0,
    threads: int = 2,
    rows: Rows | None = None,
) -> Outcome:
    """`most`: learn, and choose, from a sample of so many rows of each part at most. `rows`: those of the data, where
    they have been made before."""
    began = time.perf_counter()
    rows = data.rows(parts.train) if rows is None else rows
    train, validation = _sample(parts.train, most, seed), _sample(parts.validation, most, seed)
    fitted = estimate(
        name,
        (rows.where(train), data.target[train]),
        (rows.where(validation), data.target[validation]),
        refit=refit,
        grid=grid,
        seed=seed,
        threads=threads,
    )
    predicted = fitted.predict(rows.where(parts.test))
    seconds = time.perf_counter() - began
    return Outcome(name, predicted, judged(data, parts, name, predicted), fitted.settings, seconds)


def compared(
    data: TabularData,
    parts: Parts,
    names: Sequence[str] = tuple(GRIDS),
    *,
    most: Mapping[str, int] | None = None,
    grids: Mapping[str, Mapping[str, Sequence[Any]]] | None = None,
    seed: int = 0,
    threads: int = 2,
) -> Iterator[Outcome]:
    """The report's table, a line at a time: every estimator on the same parts. `most`: rows that each may learn from;
    neighbours get a sample where there are too many."""
    limits = {"neighbours": NEIGHBOUR_ROWS, **(most or {})}
    rows = data.rows(parts.train)
    for name in names:
        grid, limit = (grids or {}).get(name), limits.get(name)
        yield tabular_reference(data, parts, name, grid=grid, most=limit, seed=seed, threads=threads, rows=rows)


def _sample(rows: Ints, most: int | None, seed: int) -> Ints:
    if most is None or len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
