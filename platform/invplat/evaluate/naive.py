"""The forecasts that cost nothing: the same as a season ago, and the mean of the last periods.

What is hidden or cut short by an empty shelf counts as unknown. A series that knows nothing gets 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from invplat.core.errors import DatasetError
from invplat.data.features import sure_demand
from invplat.data.panel import Panel
from invplat.data.split import Origin
from invplat.evaluate.answers import Doubles, Ints
from invplat.evaluate.backtest import Forecast


def certain(panel: Panel) -> Doubles:
    """Known demand of a panel's history: NaN before the launch and wherever it is not known whole."""
    sure: Doubles = sure_demand(panel)[:, : panel.known].astype(np.float64)
    sure[np.arange(panel.known) < panel.launch[:, None]] = np.nan
    return sure


def mean_of_known(values: Doubles, otherwise: Doubles | float) -> Doubles:
    """Along the last axis; `otherwise` where nothing is known."""
    known = np.isfinite(values)
    number = known.sum(axis=-1)
    total = np.where(known, values, 0).sum(axis=-1)
    return np.where(number > 0, total / np.maximum(number, 1), otherwise)


@dataclass(frozen=True)
class SeasonalNaive:
    """Each period as the same phase of the last season; where that is unknown, of the season before, up to `seasons`
    back, and then the series' mean. The spread of past answers of the same reach makes its quantiles."""

    season: int = 7
    levels: tuple[float, ...] = ()
    seasons: int = 4
    name: str = "seasonal_naive"

    def fit(self, panels: Sequence[Panel], origin: Origin) -> None:
        if self.season < 1:
            raise DatasetError(f"season = {self.season}", hint="write 1 or more periods, such as 7 for days")

    def predict(self, panels: Sequence[Panel], origin: Origin, horizon: int) -> list[Forecast]:
        return [self._of(certain(panel), horizon) for panel in panels]

    def _of(self, past: Doubles, horizon: int) -> Forecast:
        level = mean_of_known(past, 0.0)
        said = np.full((len(past), horizon), np.nan)
        steps = np.arange(horizon)
        for back in range(1, self.seasons + 1):
            place = past.shape[1] + steps - self.season * (steps // self.season + back)
            found = np.where(place >= 0, past[:, np.maximum(place, 0)], np.nan)
            said = np.where(np.isfinite(said), said, found)
        mean = np.where(np.isfinite(said), said, level[:, None])
        if not self.levels:
            return Forecast(mean)
        quantiles = np.stack([mean + spread for spread in self._spreads(past, steps // self.season + 1)], axis=-1)
        return Forecast(mean, np.maximum(quantiles, 0), self.levels)

    def _spreads(self, past: Doubles, reach: Ints) -> list[Doubles]:
        """Series × horizon, one a level: quantiles of what a season's jump, or several, has been."""
        found = [np.zeros((len(past), len(reach))) for _ in self.levels]
        for seasons in np.unique(reach).tolist():
            far = seasons * self.season
            jumps = past[:, far:] - past[:, : max(past.shape[1] - far, 0)]
            there = np.isfinite(jumps).any(axis=1) if jumps.shape[1] else np.zeros(len(past), np.bool_)
            if there.any():
                parts = np.nanquantile(jumps[there], self.levels, axis=1)
                for spread, part in zip(found, parts, strict=True):
                    spread[np.ix_(there, reach == seasons)] = part[:, None]
        return found


@dataclass(frozen=True)
class MovingAverage:
    """The mean of the last `width` known-whole periods, whatever the step."""

    width: int = 28
    name: str = "moving_average"

    def fit(self, panels: Sequence[Panel], origin: Origin) -> None:
        if self.width < 1:
            raise DatasetError(f"width = {self.width}", hint="write 1 or more periods")

    def predict(self, panels: Sequence[Panel], origin: Origin, horizon: int) -> list[Forecast]:
        found = []
        for panel in panels:
            past = certain(panel)
            level = mean_of_known(past[:, -self.width :], mean_of_known(past, 0.0))
            found.append(Forecast(np.repeat(level[:, None], horizon, axis=1)))
        return found
