"""What an adapted model is measured against, and the test itself: all answer at the same cutoffs after the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from invplat.core.errors import DatasetError
from invplat.data.layout import unseen
from invplat.data.panel import Panel
from invplat.data.split import Origin
from invplat.evaluate.answers import Answers, Doubles
from invplat.evaluate.backtest import Forecast, backtest
from invplat.evaluate.learned import Learned
from invplat.evaluate.naive import SeasonalNaive
from invplat.model import Model
from invplat.train.forecaster import Kept
from invplat.train.training import origins_at
from invplat.transfer.batch import Fitted, Member, Settings, fit_many
from invplat.transfer.examples import LEARN, Examples, examples_of
from invplat.transfer.tenants import Tenant
from invplat.transfer.ways import way_of
from transferring.sets import ORIGINS, Shop

LIGHTGBM, NAIVE = "lightgbm", "seasonal_naive"
SEASON = {"daily": 7, "weekly": 1}  # periods: tenants have no year of weeks
ROWS = 20_000
GRID = {"num_leaves": (7, 31)}  # chosen by its own last horizon
EPOCHS = 30
RATES = (1e-3, 4e-3)


def tested(shop: Shop, history: int, models: Mapping[str, Model]) -> tuple[dict[str, float], dict[str, float]]:
    """WAPE of each, over all cutoffs of the test: of its median, and of its mean. LightGBM is left out where it has too
    little to learn from."""
    kind = shop.kind
    first = shop.until - history if history else shop.until - 1
    whole = shop.panel.cut(max(first, 0), shop.until + kind.tested)
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
    answers = {name: found for name, found in run.answers.items() if name not in silent}
    medians = {name: wape(found.actual, middle(found)) for name, found in answers.items()}
    return medians, {name: wape(found.actual, found.predicted) for name, found in answers.items()}


def wape(actual: Doubles, said: Doubles) -> float:
    return float(np.abs(said - actual).sum()) / max(float(actual.sum()), 1e-12)


def middle(answers: Answers) -> Doubles:
    """The median, which is what WAPE asks for; of one who says a single number, that."""
    return answers.quantiles[:, answers.levels.index(0.5)] if answers.levels else answers.predicted


def _unseen(panel: Panel) -> Panel:
    observed = panel.observed.copy()
    observed[:, 0] = False
    return replace(panel, observed=observed)


@dataclass
class Boosted:
    """A LightGBM of the tenant's own, of the mean and of the median; where the history is too short for its horizon it
    says nothing."""

    name: str = LIGHTGBM
    silent: bool = False
    model: Learned = field(
        default_factory=lambda: Learned("lightgbm", (0.5,), rows=ROWS, grid=GRID, direct=True, threads=1)
    )

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
    way = way_of(base.workload, "all")
    examples = [examples_of(base, tenant, most=most) for tenant in tenants]
    fits = []
    for rate in RATES:
        settings = Settings(way, rate=rate, slow=1.0, epochs=EPOCHS)
        found = _fits(base, examples, [settings] * len(examples), seed, whole=False)
        fits.append([(settings, fitted) for _, fitted in found])
    best = [min(pairs, key=lambda pair: pair[1].loss) for pairs in zip(*fits, strict=True)]
    again = [replace(settings, stop=max(fitted.best, 1)) for settings, fitted in best]
    return [_with(fresh, fitted.weights) for fresh, fitted in _fits(base, examples, again, seed, whole=True)]


def _fits(
    base: Model, examples: Sequence[Examples], settings: Sequence[Settings], seed: int, *, whole: bool
) -> list[tuple[Model, Fitted]]:
    """Each tenant's fit, and what it began as: a net that reads no further back than its own examples see."""
    own = [_own(one, whole) for one in examples]
    found: dict[int, tuple[Model, Fitted]] = {}
    for first in dict.fromkeys(one.layout.unseen for one in own):
        group = [place for place, one in enumerate(own) if one.layout.unseen == first]
        layout = own[group[0]].layout
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            fresh = replace(base, layout=layout, module=base.workload.build(base.params, layout).eval())
        members = [
            Member(
                own[place], own[place].frozen(fresh.module, settings[place].way), settings[place], fresh.module, whole
            )
            for place in group
        ]
        fitted = fit_many(base.workload, layout, members)
        found.update({place: (fresh, one) for place, one in zip(group, fitted, strict=True)})
    return [found[place] for place in range(len(examples))]


def _own(examples: Examples, whole: bool) -> Examples:
    learnt = examples.rooms[:, 2] > 0 if whole else examples.part == LEARN
    seen = examples.windows.select(learnt.numpy()) if bool(learnt.any()) else examples.windows
    return replace(examples, layout=replace(examples.layout, unseen=unseen(seen)))


def _with(fresh: Model, weights: Mapping[str, torch.Tensor]) -> Model:
    module = fresh.workload.build(fresh.params, fresh.layout)
    module.load_state_dict({**fresh.module.state_dict(), **weights})
    return replace(fresh, module=module.eval())
