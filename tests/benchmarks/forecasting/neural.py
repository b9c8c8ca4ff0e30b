"""A workload as a forecaster for the judge: windows of panels in, its quantiles and mean out.

The number of epochs is chosen on the last horizon before the cutoff; then the net learns again from all that was known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from invplat.data.features import Recipe, featured, sure_demand
from invplat.data.layout import Layout
from invplat.data.panel import Panel
from invplat.data.rolling import lag, mean
from invplat.data.split import Origin, calendar_of
from invplat.data.windows import Windows, windows
from invplat.evaluate.backtest import Forecast
from invplat.evaluate.lagged import vocabularies
from invplat.train.loop import fit
from invplat.train.plan import Plan
from invplat.workload import Spec, Workload

YEAR = 364


def with_last_year(panel: Panel) -> Panel:
    """A year ago, of every period: demand beside the level that it had then, and whether it is known."""
    sure = sure_demand(panel)
    sure[:, panel.known :] = np.nan
    ratio = lag((sure / np.maximum(mean(sure, 91), 1e-3)).astype(np.float32), YEAR)
    around = np.stack([np.roll(ratio, move, axis=1) for move in (-7, 0, 7)])
    around[0, :, -7:] = np.nan
    around[2, :, :7] = np.nan
    known = np.isfinite(around)
    number = known.sum(axis=0)
    smooth = np.where(known, around, 0).sum(axis=0) / np.maximum(number, 1)
    columns = {"last_year": np.nan_to_num(ratio), "last_year_smooth": smooth, "last_year_known": np.isfinite(ratio)}
    return panel.with_ahead(columns)


@dataclass
class Neural:
    workload: Workload
    spec: Spec
    recipe: Recipe = field(default_factory=lambda: Recipe(windows=(7, 28, 91), pattern=0))
    stride: int = 5
    epochs: int = 12
    seed: int = 0
    _module: Any = None
    _layout: Layout | None = None
    _encoders: Any = None

    @property
    def name(self) -> str:
        return self.workload.name

    def fit(self, panels: Sequence[Panel], origin: Origin) -> None:
        torch.set_num_threads(1)  # small nets; a second thread mostly waits
        ready = [self._ready(panel) for panel in panels]
        self._encoders = vocabularies(panels, origin.cutoff)
        horizon = self.spec.horizon
        dates = [day for day in calendar_of(panels) if day <= origin.cutoff]
        held = self._cut(ready, [dates[-1 - horizon]])
        early = self._cut(ready, dates[: -2 * horizon][:: -self.stride])
        every = self._cut(ready, dates[:-horizon][:: -self.stride])
        self._layout = self.workload.layout(early, self.spec)
        plan = Plan.of(self._params, epochs=self.epochs, patience=0, seed=self.seed)
        first = fit(self.workload, self._params, self._layout, self._source(early), self._source(held), plan=plan)
        again = replace(plan, epochs=max(first.best, 1))
        self._module = fit(self.workload, self._params, self._layout, self._source(every), plan=again).module.eval()

    def predict(self, panels: Sequence[Panel], origin: Origin, horizon: int) -> list[Forecast]:
        assert self._layout is not None
        ready = [self._ready(panel) for panel in panels]
        asked = self._cut(ready, [origin.cutoff], targets=False)
        source = self._source(asked)
        with torch.no_grad():
            batch = source.batch(torch.arange(len(source)))
            outputs = self._module(**self.workload.inputs(self._module, batch))
            said = self.workload.predict(outputs, batch, self._layout)
        found, first = [], 0
        for panel in panels:
            rows = np.flatnonzero((asked.series >= first) & (asked.series < first + len(panel.skus)))
            mean_said = np.zeros((len(panel.skus), horizon))
            quantiles = np.zeros((*mean_said.shape, len(said.levels)))
            mean_said[asked.series[rows] - first] = said.mean[rows].numpy()
            quantiles[asked.series[rows] - first] = said.quantiles[rows].numpy()
            found.append(Forecast(mean_said, quantiles, said.levels))
            first += len(panel.skus)
        return found

    @property
    def _params(self) -> dict[str, Any]:
        return self.workload.space.defaults

    def _ready(self, panel: Panel) -> Panel:
        return with_last_year(featured(panel, self.recipe))

    def _cut(self, panels: Sequence[Panel], cutoffs: Sequence[Any], *, targets: bool = True) -> Windows:
        return windows(
            panels,
            past=self.spec.past,
            horizon=self.spec.horizon,
            cutoffs=cutoffs,
            targets=targets,
            encoders=self._encoders,
        )

    def _source(self, cut: Windows) -> Any:
        assert self._layout is not None
        return self.workload.examples(cut, self._layout)
