"""A few nets of one workload as a forecaster for the judge: their answers' mean.

How long to learn is chosen once, at the first origin, on validation cutoffs before it; then each net learns so long,
from its own seed, of all that was known at an origin. Each is what `invplat train` would make of the same panels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from invplat.core.space import Params
from invplat.data.panel import Panel
from invplat.data.split import Origin
from invplat.evaluate.backtest import Forecast
from invplat.model import Model, Preparation
from invplat.train.forecaster import forecasts, learnt, model_of
from invplat.train.material import Business, Material, assembled, known_dates, usual_recipe
from invplat.train.plan import Plan
from invplat.train.schedule import Schedule
from invplat.workload import Spec, Workload


@dataclass
class Neural:
    workload: Workload
    spec: Spec
    params: Params = field(default_factory=dict)
    epochs: int = 12  # at most
    patience: int = 3
    members: int = 2
    most: int = 40_000  # windows
    stride: int = 3  # periods between cutoffs that windows are drawn from; no whole number of weeks
    seed: int = 0
    chosen: int = 0  # epochs
    models: list[Model] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.workload.name

    def fit(self, panels: Sequence[Panel], origin: Origin) -> None:
        torch.set_num_threads(1)  # small nets; a second thread mostly waits
        params = self.workload.space.check(self.params)
        plan = Plan.of(params, epochs=self.epochs, patience=self.patience, seed=self.seed)
        recipe, frequency = usual_recipe(panels[0].frequency, self.spec.horizon), panels[0].frequency
        plain = Preparation(recipe, frequency)
        ready = [plain.ready(panel.widened(self.spec.past))[0] for panel in panels]
        if not self.chosen:
            self.chosen = max(learnt(self._material(ready, recipe, {}), params, plan).best, 1)
        every = self._material(ready, recipe, {"validations": 0})
        plans = [replace(plan, epochs=self.chosen, patience=0, seed=self.seed + one) for one in range(self.members)]
        self.models = [model_of(every, params, learnt(every, params, each, validated=False)) for each in plans]

    def predict(self, panels: Sequence[Panel], origin: Origin, horizon: int) -> list[Forecast]:
        said = [forecasts(model, panels, origin, horizon) for model in self.models]
        return [
            Forecast(
                np.mean([part.mean for part in parts], axis=0),
                np.mean([part.quantiles for part in parts if part.quantiles is not None], axis=0),
                parts[0].levels,
            )
            for parts in zip(*said, strict=True)
        ]

    def _material(self, ready: Sequence[Panel], recipe: Any, parts: dict[str, int]) -> Material:
        schedule = Schedule.of(known_dates(ready), self.spec.horizon, stride=self.stride, tests=0, **parts)
        return assembled(self.workload, self.spec, [Business(ready, recipe, schedule)], most=self.most, seed=self.seed)
