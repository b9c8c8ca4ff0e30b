"""Rolling-origin backtests: at each origin a forecaster learns from what was known, and answers for what followed.

A forecaster is handed panels from which everything after the cutoff has been taken away (`known`), so it could not leak
if it wanted to. Origins come from `data.split.rolling_origins`; with `keep` the history slides instead of growing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from invplat.core.errors import DatasetError
from invplat.data.frames import unique_id
from invplat.data.panel import Panel
from invplat.data.split import Origin
from invplat.evaluate.answers import Answers, Doubles, Label, joined
from invplat.evaluate.figures import Figure, Record, as_record
from invplat.evaluate.known import as_known, reaches
from invplat.evaluate.metrics import by, measure


@dataclass(frozen=True)
class Forecast:
    """What is said of one panel's series: rows as its SKUs, columns the periods after the cutoff."""

    mean: Doubles  # series × horizon
    quantiles: Doubles | None = None  # series × horizon × levels
    levels: tuple[float, ...] = ()


class Forecaster(Protocol):
    """Learns from panels that end at the origin's cutoff, then forecasts each of them.

    The panels hold `horizon` periods after the cutoff, in which only plans stand. `fit` may be left out between two
    origins (`refit=False`): `predict` then gets panels that know more than those it learnt from, and must not learn.
    """

    @property
    def name(self) -> str: ...

    def fit(self, panels: Sequence[Panel], origin: Origin) -> None: ...

    def predict(self, panels: Sequence[Panel], origin: Origin, horizon: int) -> list[Forecast]: ...


@dataclass(frozen=True)
class Backtest:
    answers: Mapping[str, Answers]  # of each forecaster
    seconds: Mapping[str, float]  # each took, fitting and forecasting
    left_out: tuple[str, ...] = ()  # stores that an origin could not judge, and why

    def measure(self, metrics: Sequence[str] | None = None) -> dict[str, dict[str, Figure]]:
        return {name: measure(answers, metrics) for name, answers in self.answers.items()}

    def table(self, metrics: Sequence[str] | None = None) -> list[Record]:
        """One record a forecaster."""
        return [
            {"forecaster": name, "rows": len(self.answers[name]), **as_record(figures)}
            for name, figures in self.measure(metrics).items()
        ]

    def by(self, keys: str | Sequence[str], metrics: Sequence[str] | None = None) -> list[Record]:
        """One record a forecaster and group: `step`, `sku`, `store`, `cutoff`, `category`, `tenant`, …"""
        return [
            {"forecaster": name, **record}
            for name, answers in self.answers.items()
            for record in by(answers, keys, metrics)
        ]


@dataclass
class _Truth:
    """What came after one cutoff in one panel, in the rows of the panel as known then."""

    panel: Panel
    rows: Any
    now: int
    horizon: int
    season: int
    labels: Mapping[str, Any] = field(default_factory=dict)

    def answers(self, forecast: Forecast, name: str, common: Mapping[str, Any]) -> Answers:
        shape = (len(self.rows), self.horizon)
        parts = (*shape, len(forecast.levels))
        said = None if forecast.quantiles is None else forecast.quantiles.shape
        if forecast.mean.shape != shape or (said is not None and said != parts):
            raise DatasetError(
                f"{name} answered store {self.panel.store!r} with shapes {forecast.mean.shape} and {said}",
                hint=f"series × horizon is {shape}, with quantiles {parts}",
            )
        ahead = (self.rows[:, None], self.now + 1 + np.arange(self.horizon)[None, :])
        absolute, squared = naive_scales(self._past(), self.season)
        texts = self.panel.statics.texts
        labels: dict[str, Label] = {
            **{key: Label.of([values[row] for row in self.rows]) for key, values in texts.items()},
            **{key: Label(np.zeros(len(self.rows), np.int64), (value,)) for key, value in common.items()},
            "series": Label.of([unique_id(self.panel.store, self.panel.skus[row]) for row in self.rows]),
            "step": Label(np.broadcast_to(np.arange(self.horizon), shape), tuple(range(1, self.horizon + 1))),
        }
        return Answers.of(
            self.panel.demand[ahead],
            forecast.mean,
            mask=self.panel.observed[ahead] & ~self.panel.censored[ahead],
            quantiles=forecast.quantiles,
            levels=forecast.levels,
            absolute_scale=absolute,
            squared_scale=squared,
            labels=labels,
        )

    def _past(self) -> Doubles:
        """Demand up to the cutoff; NaN where it is not known whole."""
        cells = (self.rows, slice(0, self.now + 1))
        sure = self.panel.observed[cells] & ~self.panel.censored[cells]
        sure &= np.arange(self.now + 1) >= self.panel.launch[self.rows][:, None]
        return np.where(sure, self.panel.demand[cells].astype(np.float64), np.nan)


def naive_scales(past: Doubles, season: int) -> tuple[Doubles, Doubles]:
    """Mean absolute and mean squared error of saying the same as a season ago, of each series (rows; NaN: unknown)."""
    gap = past[:, season:] - past[:, :-season] if past.shape[1] > season else np.full((len(past), 1), np.nan)
    known = np.isfinite(gap)
    number = known.sum(axis=1).astype(np.float64)
    sums = [np.where(known, np.abs(gap) ** power, 0).sum(axis=1) for power in (1, 2)]
    absolute, squared = (np.divide(one, number, out=np.full(len(past), np.nan), where=number > 0) for one in sums)
    return absolute, squared


def backtest(
    forecasters: Sequence[Forecaster],
    panels: Panel | Sequence[Panel],
    origins: Sequence[Origin],
    horizon: int,
    *,
    refit: bool = True,
    keep: int | None = None,
    season: int = 1,
    labels: Mapping[str, Any] | None = None,
    told: Callable[[str], None] | None = None,
) -> Backtest:
    """Every forecaster at every origin. `keep`: periods of history shown (default all). `season`: of the naive
    forecast that MASE and RMSSE are scaled by. `labels`: such as tenant="shop", put on every row."""
    chosen = [panels] if isinstance(panels, Panel) else list(panels)
    names = [forecaster.name for forecaster in forecasters]
    if len(set(names)) < len(names) or not names:
        raise DatasetError(f"forecasters {', '.join(names) or '(none)'}", hint="give one or more, each its own name")
    parts: dict[str, list[Answers]] = {name: [] for name in names}
    seconds = dict.fromkeys(names, 0.0)
    left_out: dict[str, list[str]] = {}
    for number, origin in enumerate(sorted(origins, key=lambda origin: origin.cutoff)):
        judged = [panel for panel in chosen if reaches(panel, origin.cutoff, horizon)]
        for panel in chosen:
            if not reaches(panel, origin.cutoff, horizon):
                why = f"store {panel.store} has a history from {panel.dates[0]} to {panel.last}"
                left_out.setdefault(why, []).append(str(origin.cutoff))
        if not judged:
            continue
        truths = [_truth(panel, origin, horizon, season) for panel in judged]
        common = {"cutoff": origin.cutoff, **(labels or {})}
        for forecaster in forecasters:
            seen = [as_known(panel, origin.cutoff, horizon, keep) for panel in judged]
            began = time.perf_counter()
            if refit or number == 0:
                forecaster.fit(seen, origin)
            said = forecaster.predict(seen, origin, horizon)
            seconds[forecaster.name] += time.perf_counter() - began
            if len(said) != len(seen):
                raise DatasetError(
                    f"{forecaster.name} answered {len(said)} panels of {len(seen)}", hint="one forecast a panel"
                )
            parts[forecaster.name] += [
                truth.answers(forecast, forecaster.name, common) for truth, forecast in zip(truths, said, strict=True)
            ]
            if told is not None:
                told(f"{forecaster.name} at {origin.cutoff}")
    told_of = tuple(f"{why}: not judged at {', '.join(cutoffs)}" for why, cutoffs in left_out.items())
    if not any(parts.values()):
        raise DatasetError(
            "no store reaches any of the origins", hint="; ".join(told_of[:3]) or "give at least one origin"
        )
    return Backtest({name: joined(found) for name, found in parts.items()}, seconds, told_of)


def _truth(panel: Panel, origin: Origin, horizon: int, season: int) -> _Truth:
    now = panel.period(origin.cutoff)
    return _Truth(panel, np.flatnonzero(panel.launch <= now), now, horizon, season)
