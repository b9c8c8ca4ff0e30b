"""From a model's prediction to what was asked for: periods, levels, and sums over series.

Levels that the model does not say are read off between those it says, as orders read them. Of a sum the means add up;
the variances too where series do not go together, and where they do the deviations: its quantiles are those of the
gamma distribution with that mean and variance, so that a sum of many skewed ones is less skewed than each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from invplat.core.errors import FigureRefused
from invplat.inventory.quantiles import Demand
from invplat.serve.book import Book
from invplat.serve.roster import Served
from invplat.serve.said import Floats, Said
from invplat.serve.schemas import By
from invplat.workload import Prediction

SURE = 1e-9


def checked_horizon(horizon: int | None, most: int, model: str) -> None:
    if horizon is not None and horizon > most:
        raise FigureRefused(
            f"a horizon of {horizon} periods; {model} answers for {most}", hint=f"ask for {most} periods or less"
        )


def said_of(
    served: Served, book: Book, rows: Any, prediction: Prediction, horizon: int | None, levels: Sequence[float] | None
) -> Said:
    """`rows`: of the book, as they were asked of it."""
    periods = slice(0, horizon)
    mean = prediction.mean[:, periods].numpy()
    quantiles = prediction.quantiles[:, periods]
    wanted = prediction.levels if levels is None else tuple(levels)
    if wanted != prediction.levels:
        quantiles = at_levels(quantiles, prediction.levels, wanted)
    if rows is None:
        which, names = np.arange(len(book)), book.names
    elif isinstance(rows, int):
        which, names = np.array([rows]), (book.names[rows],)
    else:
        which, names = np.asarray(rows, np.int64), tuple(book.names[row] for row in rows)
    return Said(
        which,
        names,
        book.as_of,
        book.dates[:horizon],
        wanted,
        np.ascontiguousarray(mean),
        np.ascontiguousarray(quantiles.numpy()),
        served.named,
        book.dataset,
    )


def at_levels(quantiles: torch.Tensor, have: Sequence[float], wanted: Sequence[float]) -> torch.Tensor:
    """… × levels; never falling."""
    demand = Demand(torch.tensor(have, dtype=torch.float64), quantiles.double())
    found = torch.stack([demand.at(level) for level in wanted], dim=-1)
    return found.to(quantiles.dtype)


def summed(
    said: Said,
    by: By,
    categories: Sequence[str | None],
    correlation: float,
    levels: Sequence[float] | None = None,
) -> tuple[list[int], Said]:
    """How many series each group sums, and the groups' forecasts, under their names. `said`: at all of the model's
    levels; `categories`: of each row of the book; `levels`: asked for, else the same."""
    wanted = said.levels if levels is None else tuple(levels)
    keys = _keys(said, by, categories)
    names = sorted(dict.fromkeys(keys))
    place = {name: number for number, name in enumerate(names)}
    group = np.array([place[key] for key in keys])
    mean = _added(said.mean, group, len(names))
    points = Demand(torch.tensor(said.levels, dtype=torch.float64), torch.from_numpy(said.quantiles).double()).points()
    variance = points.var(-1, correction=0).numpy()
    alone, whole = _added(variance, group, len(names)), _added(np.sqrt(variance), group, len(names)) ** 2
    quantiles = gamma_quantiles(mean, (1 - correlation) * alone + correlation * whole, wanted)
    counts = np.bincount(group, minlength=len(names))
    found = Said(
        np.arange(len(names)),
        [("", name) for name in names],
        said.as_of,
        said.dates,
        wanted,
        mean.astype(np.float32),
        quantiles.astype(np.float32),
        said.model,
        said.dataset,
    )
    return counts.tolist(), found


def gamma_quantiles(
    mean: np.ndarray[Any, Any], variance: np.ndarray[Any, Any], levels: Sequence[float]
) -> np.ndarray[Any, Any]:
    """Of what is never below nothing and has this mean and variance; … × levels."""
    from scipy import special

    sure = (mean <= SURE) | (variance <= SURE * mean**2)
    shape = np.where(sure, 1.0, mean**2 / np.where(sure, 1.0, variance))
    found = special.gammaincinv(shape[..., None], np.asarray(levels)) * np.where(sure, 0.0, mean / shape)[..., None]
    return np.where(sure[..., None], mean[..., None], found)


def _keys(said: Said, by: By, categories: Sequence[str | None]) -> list[str]:
    if by is By.STORE:
        return [store for store, _ in said.names]
    if by is By.SKU:
        return [sku for _, sku in said.names]
    if by is By.CATEGORY:
        return [categories[row] or "" for row in said.rows.tolist()]
    return ["total"] * len(said)


def _added(values: Floats | np.ndarray[Any, Any], group: np.ndarray[Any, Any], count: int) -> np.ndarray[Any, Any]:
    found = np.zeros((count, *values.shape[1:]))
    np.add.at(found, group, values)
    return found
