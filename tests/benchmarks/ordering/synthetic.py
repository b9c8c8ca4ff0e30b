"""The generated record behind the end-to-end model: its days as arrays, as a panel, and replayed.

100 SKUs in 50 stores over 60 days; every store reviews on the days 1, 11, …, 51 and orders on the day after, before
that day's demand. The order of day 42 is judged, from its arrival until the order of day 52 arrives; models know the
days before 42. What the last order does lies after the record.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from invplat.data.lead_times import LeadTimes
from invplat.data.panel import Group, Panel
from invplat.data.statics import Statics
from invplat.data.timeline import Timeline, as_day
from invplat.inventory.labels import hindsight
from invplat.inventory.policy import LevelsByPeriod
from invplat.inventory.simulate import World, simulate

FIRST = date(2024, 1, 1)
DAYS, ORDERS, REVIEW = 60, (2, 12, 22, 32, 42, 52), 10
JUDGED = ORDERS.index(42)
KNOWN = ORDERS[JUDGED]  # days before the judged order
HOLDING, SHORTAGE = 1.0, 9.0
END = DAYS + 1  # the record counts the last interval until here


@dataclass(frozen=True)
class Record:
    """Series × days, or series × orders."""

    sku: Any  # of every series, from 0
    store: Any
    demand: Any
    stock: Any  # at the end of a day; below zero where customers wait
    flagged: Any  # review days
    lead: Any  # of the order of a day
    stored: Any  # the order that the record has on that day

    @classmethod
    def read(cls, path: Path) -> Record:
        frame = pl.read_parquet(path).sort("sku", "store", "day")
        series = len(frame) // DAYS
        names = ("demand", "inventory", "reorder_point", "lead_time", "reorder_qty")
        columns = [frame[name].to_numpy().reshape(series, DAYS) for name in names]
        place = frame.gather_every(DAYS)
        return cls((place["sku"] - 1).to_numpy(), (place["store"] - 1).to_numpy(), *columns)

    @property
    def leads(self) -> Any:
        """Series × orders."""
        return self.lead[:, ORDERS].astype(np.int64)

    def intervals(self, end: int = END) -> tuple[Any, Any, Any]:
        """Days of orders, arrivals and next arrivals."""
        placed = np.broadcast_to(np.array(ORDERS), self.leads.shape)
        arrives = placed + self.leads
        return placed, arrives, np.concatenate([arrives[:, 1:], np.full((len(arrives), 1), end)], axis=1)

    def hindsight(self, *, up: bool = False) -> Any:
        return hindsight(self.demand, *self.intervals(), HOLDING, SHORTAGE, up=up)

    def reproduced(self) -> float:
        """Share of the stored orders that hindsight gives, where the position is the stock after the order's day."""
        days = np.array(ORDERS)
        ours = self.hindsight().order(self.stock[:, days - 1] - self.demand[:, days])
        return float((np.abs(ours - self.stored[:, days]) < 1e-3).mean())

    def cost(self, level: Any) -> float:
        """Mean over series of what ordering up to `level` on the judged day costs until the next order arrives."""
        days = slice(KNOWN, DAYS)
        lead = self.lead[:, days].astype(np.int64)
        reviews = torch.zeros(DAYS - KNOWN, dtype=torch.bool)
        reviews[::REVIEW] = True
        levels = torch.tensor(np.asarray(level, np.float64))[:, None].expand(-1, DAYS - KNOWN)
        outcome = simulate(
            LevelsByPeriod(levels),
            torch.tensor(self.demand[:, days], dtype=torch.float64),
            World(lead=torch.from_numpy(lead), lost=False, reviews=reviews),
            initial=torch.tensor(self.stock[:, KNOWN - 1], dtype=torch.float64),
            record=True,
        )
        assert outcome.path is not None
        _, arrives, after = (days[:, JUDGED, None] - KNOWN for days in self.intervals())
        day = np.arange(DAYS - KNOWN)
        counted = torch.from_numpy((day >= arrives) & (day < after))
        spent = HOLDING * outcome.path.on_hand + SHORTAGE * outcome.path.short
        return float((spent * counted).sum(dim=1).mean())

    def panel(self, known: int = KNOWN) -> Panel:
        """All series, the days before `known`; the rest of the timeline is empty."""
        series = len(self.demand)
        observed = np.broadcast_to(np.arange(DAYS) < known, (series, DAYS))
        on_hand, on_order = self.positions()
        shown = {
            name: np.where(observed, values, 0).astype(np.float32)
            for name, values in (("demand", self.demand), ("on_hand", on_hand), ("on_order", on_order))
        }
        nothing = np.zeros_like(observed)
        begins = as_day(FIRST)
        skus = [f"sku-{number}" for number in self.sku]
        return Panel(
            store="all",
            timeline=Timeline.covering("daily", begins, begins + DAYS - 1),
            known=known,
            skus=tuple(f"{sku} in {store}" for sku, store in zip(skus, self.store, strict=True)),
            launch=np.zeros(series, np.int64),
            demand=shown["demand"],
            observed=observed,
            censored=nothing,
            past=Group.of({**shown, "observed": observed, "censored": nothing}, observed.shape, tuple(shown)),
            ahead=Group.of({}, observed.shape),
            statics=Statics((), np.zeros((series, 0), np.float32), {"sku": tuple(skus), "supplier": tuple(skus)}),
            planned=(),
            row_share=1.0,
        )

    def positions(self) -> tuple[Any, Any]:
        """Stock at the end of each day, and what is on its way then."""
        on_order = np.zeros_like(self.stock)
        for order, place in enumerate(ORDERS):
            day = np.arange(DAYS)
            waits = (day >= place) & (day < place + self.leads[:, order, None])
            on_order += waits * self.stored[:, place, None]
        return self.stock, on_order

    def lead_times(self) -> LeadTimes:
        """A SKU has one supplier for all stores; what a model may know of it by a day is its own affair."""
        placed, arrives, _ = self.intervals()
        begins = as_day(FIRST)
        ordered, received = (days.ravel().astype(np.int64) + begins for days in (placed, arrives))
        count = len(ORDERS)
        names = self.panel().skus
        labels = {
            "sku": [f"all\x1f{name}" for name in names],
            "supplier": [f"sku-{number}" for number in self.sku],
            "store": ["all"] * len(names),
            "all": [""] * len(names),
        }
        return LeadTimes(
            ordered, received, {level: np.repeat(np.array(each, object), count) for level, each in labels.items()}
        )


def day(number: int) -> date:
    return FIRST + timedelta(days=number)
