"""What an adapted model is measured against, and the test itself: all answer at the same cutoffs after the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from invplat.core.errors import DatasetError
from invplat.data.panel import Panel
from invplat.data.split import Origin
from invplat.evaluate.backtest import Forecast, backtest
from invplat.evaluate.learned import Learned
from invplat.evaluate.naive import SeasonalNaive
from invplat.model import Model
from invplat.train.forecaster import Kept
from invplat.train.training import origins_at
from invplat.transfer.batch import Member, Settings, fit_many
from invplat.transfer.examples import examples_of
from invplat.transfer.tenants import Tenant
from invplat.transfer.ways import way_of
from transferring.sets import ORIGINS, Shop, cut

LIGHTGBM, NAIVE = "lightgbm", "seasonal_naive"
SEASON = {"daily": 7, "weekly": 1}  # periods: tenants have no year of weeks
ROWS = 20_000
GRID = {"num_leaves": (7, 31)}  # chosen by its own last horizon
EPOCHS = 30
RATES = (1e-3, 4e-3)


def tested(shop: Shop, history: int, models: Mapping[str, Model]) -> dict[str, float]:
    """WAPE of each, over all cutoffs of the test. LightGBM is left out where it has too little to learn from."""
    kind = shop.kind
    first = shop.until - history if history else shop.until - 1
    whole = cut(shop.panel, max(first, 0), shop.until + kind.tested)
    dates = shop.panel.dates
    moments = [dates[shop.until - 1 + number * kind.apart].item() for number in range(ORIGINS)]
    origins = origins_at(moments, kind.frequency, kind.horizon)
    judges: list[Any] = [Kept(model, name=name) for name, model in models.items()]
    if history:
        judges += [SeasonalNaive(SEASON[kind.frequency]), Boosted()]
    else:  # a business that opens: not even its last day is known
        whole = _unseen(whole)
    run = backtest(judges, [whole], origins, kind.horizon, refit=False)
    silent = {judge.name for judge in judges if isinstance(judge, Boosted) and judge.silent}
    return {name: figures["wape"].value or 0.0 for name, figures in run.measure(["wape"]).items() if name not in silent}


def _unseen(panel: Panel) -> Panel:
    observed = panel.observed.copy()
    observed[:, 0] = False
    return replace(panel, observed=observed)


@dataclass
class Boosted:
    """A LightGBM of the tenant's own; where the history is too short for its horizon it says nothing."""

    name: str = LIGHTGBM
    silent: bool = False
    model: Learned = field(default_factory=lambda: Learned("lightgbm", rows=ROWS, grid=GRID, threads=1))

    def fit(self, panels: Sequence[Panel], origin: Origin) -> None:
        try:
            self.model.fit(panels, origin)
        except DatasetError:
            self.silent = True

    def predict(self, panels: Sequence[Panel], origin: Origin, horizon: int) -> list[Forecast]:
        if self.silent:
            return SeasonalNaive(1).predict(panels, origin, horizon)
        return self.model.predict(panels, origin, horizon)


def from_scratch(base: Model, tenants: Sequence[Tenant], *, most: int, seed: int = 0) -> list[Model]:
    """The base's net, begun from random weights on each tenant alone: rate and epochs chosen on its own windows, then
    as long again on all that is known."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = base.workload.build(base.params, base.layout).eval()
    way = way_of(base.workload, "all")
    examples = [examples_of(base, tenant, most=most) for tenant in tenants]
    frozen = [one.frozen(fresh, way) for one in examples]
    fits = []
    for rate in RATES:
        settings = Settings(way, rate=rate, slow=1.0, epochs=EPOCHS)
        members = [Member(one, part, settings, fresh) for one, part in zip(examples, frozen, strict=True)]
        fits.append([(settings, one) for one in fit_many(base.workload, base.layout, members)])
    best = [min(pairs, key=lambda pair: pair[1].loss) for pairs in zip(*fits, strict=True)]
    again = [
        Member(one, part, replace(settings, stop=max(fitted.best, 1)), fresh, whole=True)
        for one, part, (settings, fitted) in zip(examples, frozen, best, strict=True)
    ]
    found = fit_many(base.workload, base.layout, again)
    return [_with(base, fresh, one.weights) for one in found]


def _with(base: Model, net: torch.nn.Module, weights: Mapping[str, torch.Tensor]) -> Model:
    module = base.workload.build(base.params, base.layout)
    module.load_state_dict({**net.state_dict(), **weights})
    return replace(base, module=module.eval())
