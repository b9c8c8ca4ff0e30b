"""What a trial is judged by: figures of its forecasts and orders on the validation part. The test part is never read.

pinball: of all quantiles, in units, over all demand, so that it means the same for any business. rmse: of the mean, in
units. cost: of the orders that its quantiles place, simulated, over what hindsight would have cost. size: its weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import torch

from invplat.core.errors import SettingRefused
from invplat.evaluate.backtest import Forecast
from invplat.evaluate.costs import Scene, Terms, correlation, followed, in_hindsight
from invplat.inventory.outcome import Outcome
from invplat.model.trained import joined
from invplat.tune.task import Task
from invplat.workload import Prediction

METRICS = ("pinball", "rmse", "cost", "size")
AT_ONCE = 4096  # windows a step
SIMULATED = 4_000  # windows whose orders are followed, evenly spread


def check_metrics(names: Sequence[str]) -> tuple[str, ...]:
    if not names:
        raise SettingRefused("no metric was given", hint=f"write one of {', '.join(METRICS)}")
    for name in names:
        if name not in METRICS:
            near = get_close_matches(name, METRICS, n=1)
            listed = f"write one of {', '.join(METRICS)}, or several with commas"
            raise SettingRefused(
                f"metric {name!r} is not known", hint=f"did you mean {near[0]}? {listed}" if near else listed
            )
    return tuple(dict.fromkeys(names))


@dataclass(frozen=True)
class Orders:
    """How orders are placed on validation windows, whoever says the quantiles."""

    terms: Terms
    together: float
    whole: bool
    rows: torch.Tensor  # of the validation part
    scene: Scene
    least: float  # what hindsight pays


@dataclass(frozen=True)
class Judge:
    task: Task
    metrics: tuple[str, ...]
    device: str
    demand: torch.Tensor  # windows × horizon, in units
    seen: torch.Tensor  # where it was seen whole
    orders: Orders | None

    @classmethod
    def of(cls, task: Task, metrics: Sequence[str], device: str = "cpu") -> Judge:
        demand, seen, level = [], [], []
        for which in torch.split(torch.arange(len(task.validation), device=device), AT_ONCE):
            batch = task.validation.batch(which)
            demand.append((batch.target * batch.level[:, None]).cpu())
            seen.append(((batch.observed > 0) & ~(batch.censored > 0)).cpu())
            level.append(batch.level.cpu())
        if not demand:
            raise SettingRefused(
                "there are no validation windows to judge trials by",
                hint="bring a longer history, or ask for a shorter horizon",
            )
        came, sure = torch.cat(demand), torch.cat(seen)
        orders = _orders(task, came, sure, torch.cat(level)) if "cost" in metrics else None
        return cls(task, check_metrics(metrics), device, came, sure, orders)

    @torch.no_grad()
    def __call__(self, module: torch.nn.Module) -> dict[str, float]:
        task, found = self.task, []
        module.eval()
        for which in torch.split(torch.arange(len(task.validation), device=self.device), AT_ONCE):
            batch = task.validation.batch(which)
            outputs = module(**task.workload.inputs(module, batch))
            found.append(task.workload.predict(outputs, batch, task.layout))
        said = joined(found)
        return {name: self._figure(name, said, module) for name in self.metrics}

    def _figure(self, name: str, said: Prediction, module: torch.nn.Module) -> float:
        if name == "size":
            return float(sum(value.numel() for value in module.parameters()))
        if name == "rmse":
            missed = (said.mean.double() - self.demand)[self.seen]
            return float(missed.square().mean().sqrt())
        if name == "pinball":
            level = torch.tensor(said.levels, dtype=torch.float64)
            short = (self.demand.unsqueeze(-1) - said.quantiles.double())[self.seen]
            missed = torch.maximum(level * short, (level - 1) * short).mean(dim=-1)
            return float(2 * missed.sum() / self.demand[self.seen].sum().clamp(min=1e-9))
        if self.orders is None:
            raise SettingRefused("cost was not asked for when the study began", hint="begin another study")
        orders = self.orders
        forecast = Forecast(
            said.mean[orders.rows].double().numpy(), said.quantiles[orders.rows].double().numpy(), said.levels
        )
        outcome = followed(orders.scene, forecast, orders.terms, orders.whole, orders.together)
        return _paid(outcome, orders.terms) / orders.least


def _orders(task: Task, demand: torch.Tensor, seen: torch.Tensor, level: torch.Tensor) -> Orders:
    """Each window a scene of its own: it begins with the stock of one usual lead time."""
    if not task.businesses:
        raise SettingRefused("rows of a table have no stock to order for", hint="use --metric pinball or rmse")
    business = task.businesses[0]
    times = business.lead_times[0] if business.lead_times else None
    horizon = demand.shape[1]
    terms = Terms.usual(business.frequency, horizon, times)
    rows = torch.linspace(0, len(demand) - 1, min(SIMULATED, len(demand))).long()
    filled = torch.where(seen, demand, torch.maximum(demand, level[:, None]))[rows].double().numpy()
    cutoff = business.schedule.train[-1]
    scene = Scene(
        key=(cutoff, "validation"),
        demand=filled,
        initial=level[rows].double().numpy() * terms.lead,
        unseen=int((~seen[rows]).sum()),
        worth=np.ones(len(rows)),
    )
    whole = all(bool((panel.demand == np.round(panel.demand)).all()) for panel in business.panels)
    together = correlation(business.panels, cutoff, terms.lead + terms.review)
    least = _paid(in_hindsight(scene, terms, whole), terms)
    return Orders(terms, together, whole, rows, scene, max(least, 1e-9))


def _paid(outcome: Outcome, terms: Terms) -> float:
    return terms.holding * float(outcome.held.sum()) + terms.shortage * float(outcome.short.sum())
