"""ARIMA and ETS, one model a series, chosen by their information criteria (statsforecast).

They know a series' own past alone: no price, no promotion, no other series. Unknown periods are filled with the mean
of the same phase, as these models take no gaps. A series too short or too plain for one gets its mean.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from invplat.core.errors import DatasetError
from invplat.data.panel import Panel
from invplat.data.split import Origin
from invplat.evaluate.answers import Doubles
from invplat.evaluate.backtest import Forecast
from invplat.evaluate.naive import certain, mean_of_known

KINDS = ("arima", "ets")
MOST_SERIES = {"arima": 1_000, "ets": 5_000}  # two years of days take either a third of a second


@dataclass(frozen=True)
class Statistical:
    """`kind` is arima or ets; `season` in periods; `last` is how much of a series' end it learns from; `form` narrows
    the search for an ETS (error, trend, season; Z is any), as ZNZ does fourfold faster without trends."""

    kind: str = "ets"
    season: int = 7
    levels: tuple[float, ...] = ()
    last: int = 730
    form: str = "ZZZ"

    @property
    def name(self) -> str:
        return self.kind

    def fit(self, panels: Sequence[Panel], origin: Origin) -> None:
        if self.kind not in KINDS:
            raise DatasetError(f"kind {self.kind!r} is not known", hint=f"write one of {', '.join(KINDS)}")
        number = sum(len(panel.skus) for panel in panels)
        if number > MOST_SERIES[self.kind]:
            raise DatasetError(
                f"{self.kind} was given {number:,} series; {MOST_SERIES[self.kind]:,} is the limit",
                hint="give it a sample of the series, or compare without it",
            )

    def predict(self, panels: Sequence[Panel], origin: Origin, horizon: int) -> list[Forecast]:
        return [self._panel(certain(panel), horizon) for panel in panels]

    def _panel(self, past: Doubles, horizon: int) -> Forecast:
        mean = np.empty((len(past), horizon))
        quantiles = np.empty((len(past), horizon, len(self.levels)))
        for row, series in enumerate(past):
            mean[row], quantiles[row] = self._series(series, horizon)
        return Forecast(np.maximum(mean, 0), np.maximum(quantiles, 0) if self.levels else None, self.levels)

    def _series(self, series: Doubles, horizon: int) -> tuple[Doubles, Doubles]:
        known = np.flatnonzero(np.isfinite(series))
        level = float(series[known].mean()) if len(known) else 0.0
        flat = np.full(horizon, level), np.full((horizon, len(self.levels)), level)
        if len(known) < 4 or np.ptp(series[known]) == 0:
            return flat
        values = _filled(series[known[0] :][-self.last :], self.season)
        season = self.season if len(values) >= 2 * self.season + 5 else 1
        central = sorted({round(200 * abs(level - 0.5), 6) for level in self.levels if level != 0.5})
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # of a search among models, each failed candidate complains
            try:
                said = self._model(season).forecast(values, horizon, level=central or None)
            except (ValueError, ZeroDivisionError, np.linalg.LinAlgError):
                return flat  # no candidate could be fitted to this series
        mean = np.asarray(said["mean"], np.float64)
        if not np.isfinite(mean).all():
            return flat
        parts = [mean if level == 0.5 else np.asarray(said[_key(said, level)], np.float64) for level in self.levels]
        found = np.stack(parts, axis=-1) if parts else np.empty((horizon, 0))
        return mean, np.where(np.isfinite(found), found, mean[:, None])

    def _model(self, season: int) -> Any:
        from statsforecast.models import AutoARIMA, AutoETS

        if self.kind == "ets":
            return AutoETS(season_length=season, model=self.form)
        return AutoARIMA(season_length=season, approximation=True, max_p=3, max_q=3, max_P=1, max_Q=1)


def _key(said: Any, level: float) -> str:
    """The name of a bound: `lo-80.0` is the level 0.1."""
    side, width = ("lo" if level < 0.5 else "hi"), 200 * abs(level - 0.5)
    bounds: list[str] = [key for key in said if key.startswith(f"{side}-")]
    return min(bounds, key=lambda key: abs(float(key[3:]) - width))


def _filled(values: Doubles, season: int) -> Doubles:
    """Unknown periods take the mean of their phase, or of all."""
    known = np.isfinite(values)
    if known.all():
        return values
    phases = np.full((-(-len(values) // season), season), np.nan)
    phases.reshape(-1)[: len(values)] = values
    usual = mean_of_known(phases.T, float(values[known].mean()))
    return np.where(known, values, usual[np.arange(len(values)) % season])
