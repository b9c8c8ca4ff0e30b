"""Every reference forecaster by its name: what a workload is compared with, on the same windows by the same judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from invplat.core.errors import DatasetError
from invplat.evaluate.backtest import Forecaster
from invplat.evaluate.estimators import GRIDS

SEASON = {"daily": 7, "weekly": 52, "monthly": 12}  # periods
NAMES = ("seasonal_naive", "seasonal_naive_year", "moving_average", *GRIDS, "lightgbm_quantiles", "arima", "ets")
YEAR = {"daily": 364, "weekly": 52, "monthly": 12}
LEVEL = {"daily": 28, "weekly": 8, "monthly": 3}
# Where a minute has to do: rows to learn from, and the settings to choose among.
QUICK: Mapping[str, tuple[int, Mapping[str, Sequence[Any]]]] = {
    "linear": (30_000, {}),
    "ridge": (30_000, {"alpha": (1.0, 100.0)}),
    "lasso": (30_000, {"alpha": (0.001, 0.01)}),
    "elastic_net": (30_000, {"alpha": (0.001, 0.01), "l1_ratio": (0.5,)}),
    "neighbours": (3_000, {"n_neighbors": (20,)}),
    "forest": (3_000, {"max_features": (0.4,), "min_samples_leaf": (4,)}),
    "lightgbm": (60_000, {"num_leaves": (31,)}),
}


def checked(names: Sequence[str]) -> tuple[str, ...]:
    """The names, each once; refuses what is no reference model."""
    for name in names:
        if name not in NAMES:
            near = get_close_matches(name, NAMES, n=1)
            raise DatasetError(
                f"there is no reference model {name!r}",
                hint=(f"did you mean {near[0]}? " if near else "") + f"there are {', '.join(NAMES)}",
            )
    return tuple(dict.fromkeys(names))


def reference(
    name: str, frequency: str, levels: Sequence[float] = (), *, seed: int = 0, threads: int = 2, quick: bool = False
) -> Forecaster:
    """A forecaster with its usual settings for daily, weekly or monthly panels; with `levels`, its quantiles too.
    `quick`: fewer rows and settings for those that take long."""
    from invplat.evaluate.learned import Learned
    from invplat.evaluate.naive import MovingAverage, SeasonalNaive
    from invplat.evaluate.statistical import KINDS, Statistical

    wanted = tuple(levels)
    if frequency not in SEASON:
        raise DatasetError(f"frequency {frequency!r} is not known", hint=f"write one of {', '.join(SEASON)}")
    if name == "seasonal_naive":
        return SeasonalNaive(SEASON[frequency], wanted)
    if name == "seasonal_naive_year":
        return SeasonalNaive(YEAR[frequency], wanted, name=name)
    if name == "moving_average":
        return MovingAverage(LEVEL[frequency])
    if name in KINDS:
        whole = Statistical(name, SEASON[frequency], wanted)
        return replace(whole, last=365, form="ZNZ") if quick else whole
    if name in GRIDS and quick:
        rows, grid = QUICK[name]
        return Learned(name, wanted, rows=rows, grid=grid, seed=seed, threads=threads)
    if name in GRIDS:
        return Learned(name, wanted, seed=seed, threads=threads)
    if name == "lightgbm_quantiles":
        return Learned("lightgbm", wanted or (0.1, 0.5, 0.9), direct=True, seed=seed, threads=threads)
    raise DatasetError(f"there is no reference model {name!r}", hint=f"there are {', '.join(NAMES)}")
