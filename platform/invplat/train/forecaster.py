"""A workload before the judge: it learns from panels up to an origin, as any reference does, then answers.

How many epochs is chosen on validation cutoffs before the origin; then the net learns again, as long, from all that was
known. A model that is kept already is judged as it is. Knows nothing of references or metrics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from invplat.core.errors import DatasetError, SettingRefused
from invplat.core.space import Params
from invplat.data.dataset import Dataset
from invplat.data.features import Recipe
from invplat.data.lead_times import LeadTimes
from invplat.data.panel import Panel
from invplat.data.split import Origin
from invplat.evaluate.backtest import Forecast
from invplat.evaluate.compare import Curve
from invplat.model import Model, Preparation
from invplat.train.loop import Ended, Fitted, Watch, fit
from invplat.train.material import CANDIDATES, MOST, Business, Material, assembled, known_dates, usual_recipe
from invplat.train.plan import Plan
from invplat.train.schedule import Schedule
from invplat.workload import Prediction, Spec, Workload


@dataclass
class Learner:
    """A workload that is fitted at each origin."""

    workload: Workload
    spec: Spec
    params: Params = field(default_factory=dict)  # those not given at their defaults
    recipe: Recipe | None = None  # the usual one of the panels' frequency
    dataset: Dataset | None = None  # for holidays and signals
    lead_times: LeadTimes | None = None  # of the whole business, for workloads that decide
    epochs: int = 20
    patience: int = 4
    most: int = MOST
    seed: int = 0
    watch: Watch | None = None
    curve: Curve | None = None  # of the last fit that chose its epochs
    model: Model | None = None
    troubles: list[str] = field(default_factory=list)  # fits that diverged after some good epochs

    @property
    def name(self) -> str:
        return self.workload.name

    def fit(self, panels: Sequence[Panel], origin: Origin) -> None:
        torch.set_num_threads(1)  # small nets; a second thread mostly waits
        params = self.workload.space.check(self.params)
        frequency = panels[0].frequency
        recipe = self.recipe or usual_recipe(frequency, self.spec.horizon, len(known_dates(panels)))
        plain = Preparation(recipe, frequency)
        ready = [plain.ready(panel.widened(self.spec.past), self.dataset)[0] for panel in panels]
        plan = Plan.of(params, epochs=self.epochs, patience=self.patience, seed=self.seed)
        first = self._material(ready, recipe, choosing=True)
        chosen = learnt(first, params, plan, watch=self.watch)
        self.curve = curve_of(chosen)
        self.troubles += [f"{origin.cutoff}: {chosen.trouble}"] if chosen.trouble else []
        every = self._material(ready, recipe, choosing=False)
        again = replace(plan, epochs=max(chosen.best, 1), patience=0)
        fitted = learnt(every, params, again, validated=False)
        self.model = model_of(every, params, fitted)

    def predict(self, panels: Sequence[Panel], origin: Origin, horizon: int) -> list[Forecast]:
        if self.model is None:
            raise DatasetError(f"{self.name} has not learnt anything yet", hint="call fit first")
        return forecasts(self.model, panels, origin, horizon, self.dataset, self.lead_times)

    def _material(self, ready: Sequence[Panel], recipe: Recipe, *, choosing: bool) -> Material:
        dates = known_dates(ready)
        series = sum(len(panel.skus) for panel in ready)
        options: dict[str, Any] = {} if choosing else {"validations": 0}
        schedule = Schedule.of(
            dates, self.spec.horizon, stride=-(-series * len(dates) // CANDIDATES), tests=0, **options
        )
        times = () if self.lead_times is None else (self.lead_times,) * len(ready)
        business = Business(ready, recipe, schedule, times, self.dataset)
        return assembled(self.workload, self.spec, [business], most=self.most, seed=self.seed)


@dataclass(frozen=True)
class Kept:
    """A trained model, judged as it is: nothing is fitted at any origin."""

    model: Model
    dataset: Dataset | None = None
    lead_times: LeadTimes | None = None
    name: str = ""

    def fit(self, panels: Sequence[Panel], origin: Origin) -> None:
        pass

    def predict(self, panels: Sequence[Panel], origin: Origin, horizon: int) -> list[Forecast]:
        return forecasts(self.model, panels, origin, horizon, self.dataset, self.lead_times)


def learnt(
    material: Material,
    params: Params,
    plan: Plan,
    *,
    validated: bool = True,
    watch: Watch | None = None,
    device: str = "cpu",
) -> Fitted:
    """One fit; one whose loss was not finite before anything was learnt is refused."""
    validation = material.validation if validated and len(material.validation) else None
    fitted = fit(
        material.workload,
        params,
        material.layout,
        material.train,
        validation,
        plan=plan,
        watch=watch,
        device=device,
    )
    if fitted.ended is Ended.DIVERGED and not fitted.best:
        raise SettingRefused(
            f"{material.workload.name} learnt nothing: {fitted.trouble}",
            hint=f"try a smaller learning rate than {plan.learning_rate:g}, or look for strange values in the data",
        )
    return fitted


def model_of(material: Material, params: Params, fitted: Fitted, **made: Any) -> Model:
    """`made`: lineage and metrics."""
    return Model(
        material.workload,
        params,
        material.spec,
        material.layout,
        material.preparation,
        fitted.module.eval(),
        **made,
    )


def curve_of(fitted: Fitted) -> Curve:
    return Curve(
        tuple(epoch.train for epoch in fitted.history),
        tuple(epoch.validation for epoch in fitted.history),
        fitted.best,
    )


def forecasts(
    model: Model,
    panels: Sequence[Panel],
    origin: Origin,
    horizon: int,
    dataset: Dataset | None = None,
    lead_times: LeadTimes | None = None,
) -> list[Forecast]:
    """Of each panel's series, as `backtest` wants them."""
    if horizon > model.spec.horizon:
        raise DatasetError(
            f"the model answers for {model.spec.horizon} periods, {horizon} were asked for",
            hint=f"ask for a horizon of {model.spec.horizon} or less, or train another model",
        )
    roomy = [panel.widened(model.spec.past) for panel in panels]
    ready = [model.preparation.ready(panel, dataset)[0] for panel in roomy]
    asked = model.preparation.cut(ready, model.spec, [origin.cutoff], targets=False, least=0)
    times = () if lead_times is None else (lead_times,) * len(ready)
    return _by_panel(model.predict(asked, panels=ready, lead_times=times), asked.series, panels, horizon)


def _by_panel(said: Prediction, series: Any, panels: Sequence[Panel], horizon: int) -> list[Forecast]:
    found, first = [], 0
    for panel in panels:
        count = len(panel.skus)
        rows = np.flatnonzero((series >= first) & (series < first + count))
        mean = np.zeros((count, horizon))
        quantiles = np.zeros((*mean.shape, len(said.levels)))
        mean[series[rows] - first] = said.mean[rows, :horizon].double().numpy()
        quantiles[series[rows] - first] = said.quantiles[rows, :horizon].double().numpy()
        found.append(Forecast(mean, quantiles, said.levels))
        first += count
    return found
