"""Every reference forecaster by its name: what a workload is compared with, on the same windows by the same judge."""

from __future__ import annotations

from collections.abc import Sequence

from invplat.core.errors import DatasetError
from invplat.evaluate.backtest import Forecaster
from invplat.evaluate.estimators import GRIDS

SEASON = {"daily": 7, "weekly": 52, "monthly": 12}  # periods
NAMES = ("seasonal_naive", "seasonal_naive_year", "moving_average", *GRIDS, "lightgbm_quantiles", "arima", "ets")
YEAR = {"daily": 364, "weekly": 52, "monthly": 12}
LEVEL = {"daily": 28, "weekly": 8, "monthly": 3}


def reference(
    name: str, frequency: str, levels: Sequence[float] = (), *, seed: int = 0, threads: int = 2
) -> Forecaster:
    """A forecaster with its usual settings for daily, weekly or monthly panels; with `levels`, its quantiles too."""
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
        return Statistical(name, SEASON[frequency], wanted)
    if name in GRIDS:
        return Learned(name, wanted, seed=seed, threads=threads)
    if name == "lightgbm_quantiles":
        return Learned("lightgbm", wanted or (0.1, 0.5, 0.9), direct=True, seed=seed, threads=threads)
    raise DatasetError(f"there is no reference model {name!r}", hint=f"write one of {', '.join(NAMES)}")
