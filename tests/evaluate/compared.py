"""A comparison of forecasters that cost nothing, on a made-up panel: for tests of whatever shows one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from invplat.data.panel import Panel
from invplat.data.split import Origin, rolling_origins
from invplat.evaluate.backtest import Forecast, backtest
from invplat.evaluate.compare import OURS, Comparison, Curve, table_of_backtest
from invplat.evaluate.costs import Recorded, Terms, decision_costs
from invplat.evaluate.naive import MovingAverage, SeasonalNaive
from invplat.testing.panels import Case, made_panel

LEVELS = (0.1, 0.5, 0.9)
HORIZON = 7


@dataclass(frozen=True)
class Constant:
    """Says one number for ever; named as asked."""

    name: str = "exact"
    says: float = 6.0

    def fit(self, panels: Sequence[Panel], origin: Origin) -> None:
        pass

    def predict(self, panels: Sequence[Panel], origin: Origin, horizon: int) -> list[Forecast]:
        found = []
        for panel in panels:
            mean = np.full((len(panel.skus), horizon), self.says)
            quantiles = np.stack([mean * share for share in (0.5, 1.0, 1.5)], axis=-1)
            found.append(Forecast(mean, quantiles, LEVELS))
        return found


def compared(panel: Panel | None = None, tenant: str = "shop", name: str = "exact") -> Comparison:
    panel = made_panel(Case(series=5, periods=120)) if panel is None else panel
    origins = rolling_origins(panel, horizon=HORIZON, count=2, past=28)
    recorded = [Recorded(one) for one in (Constant(name), SeasonalNaive(7, LEVELS), MovingAverage(28))]
    run = backtest(recorded, panel, origins, HORIZON, season=7, labels={"tenant": tenant})
    costs, notes = decision_costs(recorded, [panel], HORIZON, Terms(2, 2))
    return Comparison(
        tenant=tenant,
        workloads=(name,),
        frequency="daily",
        season=7,
        horizon=HORIZON,
        cutoffs=tuple(origin.cutoff for origin in origins),
        tables={OURS: table_of_backtest(run, "two origins")},
        backtest=run,
        training={name: Curve((1.0, 0.8, 0.7), (1.1, 0.9, 0.95), 2)},
        costs=costs,
        notes=notes,
        panels=(panel,),
    )
