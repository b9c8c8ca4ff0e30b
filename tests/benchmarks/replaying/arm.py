"""One way to run the businesses: its stock, what it orders each Monday by its model's forecasts, and what that costs.

Orders are the service's own: `serve.orders.decided`, with the stock that the arm has. What is lacking when it is asked
for is lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
import torch

from invplat.inventory.simulate import World, simulate
from invplat.inventory.state import State
from invplat.model import Model
from invplat.monitor.bygone import said
from invplat.monitor.facts import Facts
from invplat.registry.versions import Version
from invplat.serve.facts import Facts as Known
from invplat.serve.order_schemas import Item, ItemTerms, OrdersAsked
from invplat.serve.orders import decided
from invplat.serve.said import Said
from invplat.transfer.judge import naive_of
from replaying.world import OPENING, WEEK, Shop

HOLDING, SHORTAGE = 1.0, 9.0  # of a unit: kept a day, lacking
LONGEST = 120  # days of a lead time


@dataclass(frozen=True)
class Answer:
    """What a model says of the next periods: a row a series."""

    names: list[tuple[str, str]]
    dates: tuple[date, ...]
    mean: Any
    quantiles: Any
    levels: tuple[float, ...]
    version: Version


@dataclass(frozen=True)
class Given:
    """A policy that orders what was decided."""

    quantity: torch.Tensor

    def order(self, state: State) -> torch.Tensor:
        return self.quantity


@dataclass
class Arm:
    """Of one business."""

    shop: Shop
    level: Any
    pipeline: Any
    costs: list[tuple[float, float]] = field(default_factory=list)  # holding and shortage, a week

    @classmethod
    def begin(cls, shop: Shop, day: int) -> Arm:
        usual = shop.demand[:, max(day - 28, 0) : day].mean(axis=1)
        level = np.where(shop.there[:, day - 1], np.ceil(OPENING * usual), 0.0)
        return cls(shop, torch.from_numpy(level), torch.zeros(len(level), LONGEST, dtype=torch.float64))

    def week(self, day: int, answer: Answer, known: Known) -> None:
        """Order on the first day, by what was known before, and live through seven."""
        order = torch.from_numpy(self._orders(answer, known))
        launched = self.shop.there[:, day] & ~self.shop.there[:, :day].any(axis=1)
        if launched.any():  # a new product comes with an opening delivery, the same for everybody
            usual = float(np.median(self.shop.demand[self.shop.there[:, day - 1], day - 28 : day].mean(axis=1)))
            self.level = self.level + torch.from_numpy(np.where(launched, np.ceil(OPENING * usual), 0.0))
        leads = np.full((len(self.level), WEEK), LONGEST)
        leads[:, 0] = np.clip(self.shop.leads(day), 1, LONGEST)
        reviews = torch.zeros(WEEK, dtype=torch.bool)
        reviews[0] = True
        demand = torch.from_numpy(self.shop.demand[:, day : day + WEEK].astype(np.float64))
        with torch.no_grad():
            out = simulate(
                Given(order),
                demand,
                World(lead=torch.from_numpy(leads), lost=True, reviews=reviews),
                initial=self.level,
                pipeline=self.pipeline,
            )
        self.level, self.pipeline = out.level, out.pipeline
        self.costs.append((HOLDING * float(out.held.sum()), SHORTAGE * float(out.short.sum())))

    def _orders(self, answer: Answer, known: Known) -> Any:
        place = {name: row for row, name in enumerate(self.shop.names)}
        rows = np.array([place[name] for name in answer.names])
        on_order = self.pipeline.sum(dim=1)
        items = [
            Item(store=store, sku=sku, on_hand=float(self.level[row]), on_order=float(on_order[row]))
            for (store, sku), row in zip(answer.names, rows.tolist(), strict=True)
        ]
        terms = ItemTerms(holding=HOLDING, shortage=SHORTAGE, review=WEEK, pack=1.0)
        spoken = Said(
            np.arange(len(rows)),
            answer.names,
            answer.dates[0] - timedelta(days=1),
            answer.dates,
            answer.levels,
            answer.mean.astype(np.float32),
            answer.quantiles.astype(np.float32),
            {"reference": answer.version.reference},
            0,
        )
        found = np.zeros(len(self.level))
        found[rows] = decided(spoken, known, OrdersAsked(items=items, defaults=terms)).order
        return found


def answer_of(version: Version, model: Model, facts: Facts) -> Answer:
    """`model`: the version's, or for the seasonal naive, which has none, one that says how far to look."""
    windows, found = said(model, facts, [facts.end])
    if version.prefix is None:
        found = naive_of(windows, facts.frequency, model.spec.quantiles)
    texts = windows.texts
    names = [(str(texts["store"][row]), str(texts["sku"][row])) for row in windows.series.tolist()]
    dates = tuple(facts.end + timedelta(days=step) for step in range(1, model.spec.horizon + 1))
    return Answer(names, dates, found.mean.numpy(), found.quantiles.numpy(), found.levels, version)
