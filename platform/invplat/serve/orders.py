"""Orders of many items at once: every level, order and risk comes from `inventory.decision`, here are only its columns.

Knows no HTTP, no model and no registry.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from invplat.inventory.decision import Decision
from invplat.serve.facts import Bools, Facts, Numbers, Texts
from invplat.serve.order_figures import cover, left_and_short, marks, order_quantity, stockout_risk
from invplat.serve.order_levels import affordable, levels_of, prolonged
from invplat.serve.order_schemas import OrderException, OrdersAsked
from invplat.serve.order_terms import Ints, ItemColumns, item_columns
from invplat.serve.reasons import reasons
from invplat.serve.said import Said


@dataclass(frozen=True, eq=False)
class Decided:
    """A row an item, in the order of the forecasts."""

    said: Said
    items: ItemColumns
    category: Texts
    frequency: str
    decision: Decision  # of all items
    order: Numbers
    free: Numbers  # what would be ordered without the budget
    per_period: Numbers
    cover: Numbers  # infinite if endless
    risk: Numbers
    risk_after: Numbers
    expected_cost: Numbers
    money_at_risk: Numbers
    eoq: Numbers
    marks: dict[OrderException, Bools]
    budget: float | None
    only_orders: bool
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.order)

    @property
    def order_value(self) -> Numbers:
        return self.order * self.items.unit_cost

    @cached_property
    def shown(self) -> npt.NDArray[np.int64]:
        """Rows that the answer holds."""
        every = np.arange(len(self))
        return every[self.order > 0] if self.only_orders else every

    @cached_property
    def totals(self) -> dict[str, Any]:
        value = float(np.nansum(self.order_value))
        priced = bool(np.isfinite(self.items.unit_cost).any())
        at_risk = np.isfinite(self.money_at_risk)
        return {
            "items": len(self),
            "orders": int((self.order > 0).sum()),
            "units": float(self.order.sum()),
            "value": value if priced else None,
            "money_at_risk": float(self.money_at_risk[at_risk].sum()) if at_risk.any() else None,
            "exceptions": {name.value: int(mark.sum()) for name, mark in self.marks.items()},
            "budget": self.budget,
            "spent": None if self.budget is None else value,
        }

    def records(self) -> list[dict[str, Any]]:
        """As schemas.Order: no NaN, nothing infinite."""
        columns = self._columns()
        names = tuple(columns)
        return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def table(self) -> pa.Table:
        """The same columns for bulk; exceptions are joined by commas."""
        columns = self._columns()
        columns["exceptions"] = [",".join(each) for each in columns["exceptions"]]
        texts = {"store", "sku", "category", "exceptions", "reason"}
        kinds = {name: pa.string() if name in texts else pa.float64() for name in columns} | {"review": pa.int64()}
        return pa.table({name: pa.array(column, kinds[name]) for name, column in columns.items()})

    def _columns(self) -> dict[str, list[Any]]:
        rows, items, found = self.shown, self.items, self.decision
        names = [self.said.names[row] for row in rows.tolist()]
        numbers = {
            "order": self.order,
            "order_up_to": found.level.numpy(),
            "reorder_point": found.reorder_point.numpy(),
            "safety_stock": found.safety_stock.numpy(),
            "eoq": self.eoq,
            "on_hand": items.on_hand,
            "on_order": items.on_order,
            "lead_time": items.lead_mean(),
            "review": items.review,
            "service_level": items.service,
            "mean_demand": found.mean.numpy(),
            "per_period": self.per_period,
            "cover": self.cover,
            "stockout_risk": self.risk,
            "stockout_risk_after": self.risk_after,
            "expected_cost": self.expected_cost,
            "unit_cost": items.unit_cost,
            "price": items.price,
            "order_value": self.order_value,
            "money_at_risk": self.money_at_risk,
        }
        return {
            "store": [store for store, _ in names],
            "sku": [sku for _, sku in names],
            "category": self.category[rows].tolist(),
            **{name: plain(column[rows]) for name, column in numbers.items()},
            "exceptions": self._exceptions(rows),
            "reason": list(self._reasons(rows)),
        }

    def _exceptions(self, rows: Ints) -> list[list[str]]:
        found: list[list[str]] = [[] for _ in range(len(rows))]
        for name, mark in self.marks.items():
            for place in np.flatnonzero(mark[rows]).tolist():
                found[place].append(name.value)
        return found

    def _reasons(self, rows: Ints) -> Iterator[str]:
        low, high = self.items.lead_range()
        return reasons(
            self.frequency,
            rows,
            order=self.order,
            free=self.free,
            wanted=np.maximum(self.decision.level.numpy() - self.items.position, 0.0),
            on_hand=self.items.on_hand,
            on_order=self.items.on_order,
            unknown=self.items.unknown,
            counted=np.where(self.items.stale, self.items.counted, np.nan),
            cover=self.cover,
            low=low,
            high=high,
            risk=self.risk,
            risk_after=self.risk_after,
            mean=self.decision.mean.numpy(),
        )


def decided(said: Said, facts: Facts, asked: OrdersAsked) -> Decided:
    """What to order of each series that was forecast; `said.rows` are rows of the facts."""
    items = item_columns(said.names, said.rows, facts, asked)
    together = facts.correlation if asked.correlation is None else asked.correlation
    decision = levels_of(said, items, facts.frequency, together)
    position = torch.from_numpy(items.position)
    free = decision.quantity(position)
    order = free if asked.budget is None else affordable(said, items, decision, position, free, asked.budget)
    after = position + order
    left, short = left_and_short(decision.demand, after)
    _, lost = left_and_short(decision.demand, position)
    per_period = np.asarray(said.mean, np.float64).mean(axis=1).clip(min=0) if len(said) else np.zeros(0)
    earns = np.where(np.isnan(items.unit_cost), items.price, np.maximum(items.price - items.unit_cost, 0))
    return Decided(
        said=said,
        items=items,
        category=facts.category[said.rows],
        frequency=facts.frequency,
        decision=decision,
        order=order.numpy(),
        free=free.numpy(),
        per_period=per_period,
        cover=cover(said, items.position, per_period),
        risk=stockout_risk(decision.demand, position),
        risk_after=stockout_risk(decision.demand, after),
        expected_cost=items.holding * left + items.shortage * short,
        money_at_risk=earns * lost,
        eoq=order_quantity(items, per_period),
        marks=marks(items, decision, per_period, np.maximum(per_period, facts.recent[said.rows]), facts.frequency),
        budget=asked.budget,
        only_orders=asked.only_orders,
        notes=(*items.notes, *prolonged(said, items, facts.frequency)),
    )


def plain(column: npt.NDArray[Any]) -> list[Any]:
    """For JSON: null where there is no figure."""
    found: list[Any] = column.tolist()
    if column.dtype.kind != "f":
        return found
    finite = np.isfinite(column)
    return found if finite.all() else [value if good else None for value, good in zip(found, finite, strict=True)]
