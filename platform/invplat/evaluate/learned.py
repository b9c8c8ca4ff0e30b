"""Reference estimators as forecasters: one model for all series and steps, on lagged rows.

Settings are chosen on the last horizon before the cutoff, then the model learns again from all that was known. Point
models get quantiles from the relative errors that they made on that last horizon.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from invplat.core.errors import DatasetError
from invplat.data.features import Recipe
from invplat.data.panel import Panel
from invplat.data.split import Origin, calendar_of
from invplat.data.transforms import Categories
from invplat.evaluate.answers import Doubles
from invplat.evaluate.backtest import Forecast
from invplat.evaluate.estimators import GRIDS, NEIGHBOUR_ROWS, Fitted, estimate
from invplat.evaluate.lagged import Lagged, lagged, vocabularies

ROWS = 300_000
CUTOFFS = 180


@dataclass
class Learned:
    """`direct`: LightGBM learns each quantile level itself instead of by its errors."""

    estimator: str
    levels: tuple[float, ...] = ()
    recipe: Recipe | None = None
    rows: int = ROWS  # at most so many are learnt from, a random sample of them
    grid: Mapping[str, Sequence[Any]] | None = None
    direct: bool = False
    seed: int = 0
    threads: int = 2
    _models: list[Fitted] = field(default_factory=list)  # of the mean, then of each level
    _encoders: Mapping[str, Categories] = field(default_factory=dict)
    _errors: Doubles | None = None

    @property
    def name(self) -> str:
        return f"{self.estimator}_quantiles" if self.direct else self.estimator

    @property
    def chosen(self) -> Mapping[str, Any]:
        return self._models[0].settings if self._models else {}

    @property
    def mean(self) -> Fitted:
        """The model of the mean."""
        if not self._models:
            raise DatasetError(f"{self.name} has not learnt anything yet", hint="call fit first")
        return self._models[0]

    def fit(self, panels: Sequence[Panel], origin: Origin) -> None:
        if self.estimator not in GRIDS:
            raise DatasetError(
                f"there is no reference model {self.estimator!r}", hint=f"write one of {', '.join(GRIDS)}"
            )
        horizon = min(panel.timeline.length - panel.known for panel in panels)
        dates = [day for day in calendar_of(panels) if day <= origin.cutoff]
        if horizon < 1 or len(dates) < 2 * horizon + 2:
            raise DatasetError(
                f"{self.name} was given {len(dates)} periods to learn a horizon of {horizon} from",
                hint=f"bring {2 * horizon + 2} or more, or use seasonal_naive",
            )
        self._encoders = vocabularies(panels, origin.cutoff)
        held = self._rows(panels, [dates[-1 - horizon]], horizon)
        learning = self._rows(panels, self._cutoffs(dates[: -2 * horizon]), horizon)
        wanted = (None, *self.levels) if self.direct else (None,)
        self._models = [self._fitted(learning, held, level) for level in wanted]
        self._errors = None if self.direct or not self.levels else self._spread(learning, held)

    def predict(self, panels: Sequence[Panel], origin: Origin, horizon: int) -> list[Forecast]:
        if not self._models:
            raise DatasetError(f"{self.name} has not learnt anything yet", hint="call fit first")
        asked = self.asked(panels, origin, horizon)
        said = np.stack([np.maximum(model.predict(asked.rows), 0) * asked.level for model in self._models], axis=1)
        if self._errors is not None:
            spread = said[:, :1] + np.outer(said[:, 0], self._errors)
            said = np.hstack([said, np.maximum(spread, 0)])
        said[:, 1:] = np.sort(said[:, 1:], axis=1)  # levels learnt apart may cross
        found = []
        for place, panel in enumerate(panels):
            mine = asked.panel == place
            answer = np.zeros((len(panel.skus), horizon, said.shape[1]))
            answer[asked.series[mine], asked.steps[mine] - 1] = said[mine]
            found.append(Forecast(answer[:, :, 0], answer[:, :, 1:] if self.levels else None, self.levels))
        return found

    def asked(self, panels: Sequence[Panel], origin: Origin, horizon: int, *, targets: bool = False) -> Lagged:
        """The rows that it answers, one a series and step; with `targets`, those whose answer is known whole."""
        return lagged(
            panels,
            horizon=horizon,
            cutoffs=[origin.cutoff],
            encoders=self._encoders,
            targets=targets,
            recipe=self.recipe,
        )

    def _cutoffs(self, dates: Sequence[Any]) -> list[Any]:
        """Evenly spread, counted back from the last. Many cutoffs and few rows of each: a handful of cutoffs would be
        learnt by heart."""
        step = max(-(-len(dates) // CUTOFFS), 1)
        # A step that is a whole number of weeks would only ever meet one weekday.
        step += step > 1 and step % 7 == 0
        return list(dates[::-1][::step][::-1])

    def _rows(self, panels: Sequence[Panel], cutoffs: Sequence[Any], horizon: int) -> Lagged:
        most = min(self.rows, NEIGHBOUR_ROWS * 4 // 5) if self.estimator == "neighbours" else self.rows
        return lagged(
            panels,
            horizon=horizon,
            cutoffs=cutoffs,
            encoders=self._encoders,
            targets=True,
            recipe=self.recipe,
            most=most if len(cutoffs) > 1 else NEIGHBOUR_ROWS // 5,
            seed=self.seed,
        )

    def _fitted(
        self,
        learning: Lagged,
        held: Lagged,
        level: float | None,
        *,
        refit: bool = True,
        grid: Mapping[str, Sequence[Any]] | None = None,
    ) -> Fitted:
        # Weighted by level, so that relative errors count by how much they matter in units.
        weights = tuple(part.level / part.level.mean() for part in (learning, held))
        return estimate(
            self.estimator,
            (learning.rows, learning.target / learning.level),
            (held.rows, held.target / held.level),
            weights=(weights[0], weights[1]),
            refit=refit,
            quantile=level,
            grid=self.grid if grid is None else grid,
            seed=self.seed,
            threads=self.threads,
        )

    def _spread(self, learning: Lagged, held: Lagged) -> Doubles:
        """Quantiles of the relative errors on the held part, by a model that did not learn from it."""
        chosen = {key: (value,) for key, value in self.chosen.items()}
        model = self._fitted(learning, held, None, refit=False, grid=chosen)
        said = np.maximum(model.predict(held.rows) * held.level, 1e-9)
        # An answer near nothing makes any error endless: beyond tenfold it only says that.
        return np.quantile(np.clip(held.target / said - 1, -1, 10), self.levels)
