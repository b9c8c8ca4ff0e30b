"""The reference estimators under one interface: settings are chosen on validation rows, never on test rows.

Linear ones and neighbours see categories one-hot and numbers standardised, forests see ordinal codes, LightGBM its own
categories. Knows nothing of series or time; `tabular_references` and `learned` bring the rows.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from invplat.core.errors import DatasetError
from invplat.evaluate.answers import Doubles, Ints
from invplat.evaluate.neighbours import Nearest, Neighbours
from invplat.evaluate.one_hot import OneHot
from invplat.evaluate.squares import Squares

NEIGHBOUR_ROWS = 100_000  # beyond it each answer costs more than it is worth
ROUNDS, PATIENCE = 2000, 50  # of boosting
TREES, FEW_TREES = 100, 25  # of a forest, and while its settings are chosen
GRIDS: dict[str, dict[str, tuple[Any, ...]]] = {
    "linear": {},
    "ridge": {"alpha": (0.1, 1.0, 10.0, 100.0)},
    "lasso": {"alpha": (0.001, 0.01, 0.1, 1.0)},
    "elastic_net": {"alpha": (0.001, 0.01, 0.1, 1.0), "l1_ratio": (0.5,)},
    "neighbours": {"n_neighbors": (5, 10, 20, 40)},
    "forest": {"max_features": (0.4, 1.0), "min_samples_leaf": (1, 4)},
    "lightgbm": {"num_leaves": (31, 127)},
}
LINES = ("linear", "ridge", "lasso", "elastic_net")
ONE_HOT = (*LINES, "neighbours")


@dataclass(frozen=True)
class Rows:
    """A table as numbers. Unknown numbers are NaN; codes count from 1, and 0 is unknown."""

    numbers: Doubles  # rows × number_names
    codes: Ints  # rows × code_names
    number_names: tuple[str, ...]
    code_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.numbers)

    def where(self, which: Any) -> Rows:
        return replace(self, numbers=self.numbers[which], codes=self.codes[which])


def joined_rows(parts: Sequence[Rows]) -> Rows:
    return replace(
        parts[0],
        numbers=np.concatenate([part.numbers for part in parts]),
        codes=np.concatenate([part.codes for part in parts]),
    )


class _Encoding:
    """Rows as one estimator wants them, by what the training rows said."""

    def __init__(self, name: str, rows: Rows) -> None:
        self.one_hot = name in ONE_HOT
        self.plain = name == "lightgbm"
        known = np.isfinite(rows.numbers)
        number = np.maximum(known.sum(axis=0), 1)
        self.centre = np.where(known, rows.numbers, 0).sum(axis=0) / number
        spread = np.sqrt(np.where(known, (rows.numbers - self.centre) ** 2, 0).sum(axis=0) / number)
        self.spread = np.where(spread > 1e-9 * np.maximum(np.abs(self.centre), 1), spread, 1.0)
        self.sizes = (rows.codes.max(axis=0, initial=0) + 1).tolist()

    def apply(self, rows: Rows) -> Any:
        if self.plain:
            return np.hstack([np.where(rows.codes > 0, rows.codes, np.nan), rows.numbers])
        scaled = np.where(np.isfinite(rows.numbers), (rows.numbers - self.centre) / self.spread, 0.0)
        if not self.one_hot:
            return np.hstack([rows.codes.astype(np.float64), scaled])
        return OneHot.of(scaled, rows.codes, self.sizes)


@dataclass(frozen=True)
class Fitted:
    name: str
    settings: Mapping[str, Any]  # as chosen on validation
    encoding: _Encoding
    model: Any

    def predict(self, rows: Rows) -> Doubles:
        return np.asarray(self.model.predict(self.encoding.apply(rows)), np.float64)


def estimate(
    name: str,
    training: tuple[Rows, npt.ArrayLike],
    validation: tuple[Rows, npt.ArrayLike],
    *,
    weights: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    refit: bool = False,
    quantile: float | None = None,
    grid: Mapping[str, Sequence[Any]] | None = None,
    seed: int = 0,
    threads: int = 2,
) -> Fitted:
    """The settings of `grid` with the least squared error (or pinball loss) on the validation rows. `refit`: learn
    again from both parts with them. `quantile`: LightGBM says that quantile instead of the mean."""
    if name not in GRIDS:
        raise DatasetError(f"there is no reference estimator {name!r}", hint=f"write one of {', '.join(GRIDS)}")
    if quantile is not None and name != "lightgbm":
        raise DatasetError(f"{name} says means only", hint="for quantiles use lightgbm")
    (rows, target), (held, truth) = ((part, np.asarray(values, np.float64)) for part, values in (training, validation))
    if not len(rows) or not len(held):
        raise DatasetError(f"{len(rows)} training and {len(held)} validation rows", hint="each part needs some")
    total = len(rows) + (len(held) if refit else 0)
    if name == "neighbours" and total > NEIGHBOUR_ROWS:
        raise DatasetError(
            f"k-nearest neighbours was given {total:,} rows; {NEIGHBOUR_ROWS:,} is the limit",
            hint="give it a sample, or use ridge, forest or lightgbm, which take them all",
        )
    own, theirs = (None, None) if weights is None else (np.asarray(weights[0]), np.asarray(weights[1]))
    encoding = _Encoding(name, rows)
    other = encoding.apply(held)
    best: tuple[float, dict[str, Any], Any] | None = None
    tried = _settings(GRIDS[name] if grid is None else grid)
    task = _Task(name, encoding.apply(rows), len(rows.code_names), target, own, quantile, seed, threads)
    for settings, model in zip(tried, task.learnt(tried, (other, truth, theirs)), strict=True):
        loss = _loss(truth, np.asarray(model.predict(other)), theirs, quantile)
        if best is None or loss < best[0]:
            best = loss, settings, model
    assert best is not None  # a grid has at least one point
    _, settings, model = best
    if name == "lightgbm":
        settings = {**settings, "n_estimators": max(int(model.best_iteration_ or ROUNDS), 1)}
    if not refit:
        return Fitted(name, settings, encoding, task.grown(model))
    both, every = joined_rows([rows, held]), np.concatenate([target, truth])
    whole = None if own is None or theirs is None else np.concatenate([own, theirs])
    encoding = _Encoding(name, both)
    task = replace(task, table=encoding.apply(both), target=every, weights=whole)
    [model] = task.learnt([settings], None)
    return Fitted(name, settings, encoding, task.grown(model))


@dataclass(frozen=True)
class _Task:
    """What one estimator learns from."""

    name: str
    table: Any  # encoded
    names: int  # of its columns, where it is encoded as a matrix with the names first
    target: Doubles
    weights: Any
    quantile: float | None
    seed: int
    threads: int

    def learnt(self, tried: Sequence[Mapping[str, Any]], validation: tuple[Any, Doubles, Any] | None) -> Iterator[Any]:
        """A model for each of the settings."""
        if self.name == "neighbours":
            most = max(settings["n_neighbors"] for settings in tried)
            found = Neighbours(self.table, self.target, most)
            yield from (Nearest(found, settings["n_neighbors"]) for settings in tried)
        elif self.name in LINES and Squares.pay(self.table):
            yield from Squares.of(self.table, self.target, self.weights).lines(self.name, tried)
        elif self.name in LINES:
            yield from (_Whole(self.fitted(settings, self.table.whole)) for settings in tried)
        else:
            yield from (self.fitted(settings, self.table, validation) for settings in tried)

    def fitted(
        self, settings: Mapping[str, Any], matrix: Any, validation: tuple[Any, Doubles, Any] | None = None
    ) -> Any:
        model = _model(self.name, settings, self.quantile, self.seed, self.threads)
        options: dict[str, Any] = {} if self.weights is None else {"sample_weight": self.weights}
        if self.name == "lightgbm":
            from lightgbm import early_stopping

            options["categorical_feature"] = list(range(self.names))
            if validation is not None:
                held, truth, theirs = validation
                options["callbacks"] = [early_stopping(PATIENCE, verbose=False)]
                options["eval_set"] = [(held, truth)]
                if theirs is not None:
                    options["eval_sample_weight"] = [theirs]
        with warnings.catch_warnings():
            # A small alpha may not converge to the last digit; its validation loss says whether it was worth it.
            warnings.filterwarnings("ignore", message="Objective did not converge")
            warnings.filterwarnings("ignore", module="lightgbm")
            return model.fit(matrix, self.target, **options)

    def grown(self, model: Any) -> Any:
        """A forest of as many trees as it is to have: to choose its settings fewer do."""
        if self.name == "forest":
            weights = {} if self.weights is None else {"sample_weight": self.weights}
            model.set_params(n_estimators=TREES, warm_start=True).fit(self.table, self.target, **weights)
        return model


@dataclass(frozen=True)
class _Whole:
    """A model that wants its columns in one matrix."""

    model: Any

    def predict(self, table: OneHot) -> Doubles:
        found: Doubles = self.model.predict(table.whole)
        return found


def _settings(grid: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]


def _model(name: str, settings: Mapping[str, Any], quantile: float | None, seed: int, threads: int) -> Any:
    if name == "lightgbm":
        from lightgbm import LGBMRegressor

        goal = {"objective": "regression"} if quantile is None else {"objective": "quantile", "alpha": quantile}
        fixed = {"n_estimators": ROUNDS, "learning_rate": 0.05, "n_jobs": threads, "random_state": seed, "verbose": -1}
        return LGBMRegressor(**{**fixed, **goal, **settings})
    from sklearn import ensemble, linear_model

    if name == "linear":
        return linear_model.LinearRegression()
    if name == "ridge":
        return linear_model.Ridge(random_state=seed, **settings)
    if name == "lasso":
        return linear_model.Lasso(random_state=seed, **settings)
    if name == "elastic_net":
        return linear_model.ElasticNet(random_state=seed, **settings)
    return ensemble.RandomForestRegressor(n_estimators=FEW_TREES, n_jobs=threads, random_state=seed, **settings)


def _loss(truth: Doubles, said: Doubles, weights: Any, quantile: float | None) -> float:
    gap = truth - said
    losses = gap**2 if quantile is None else np.maximum(quantile * gap, (quantile - 1) * gap)
    return float(np.average(losses, weights=weights))
