"""The generated record behind the end-to-end model: its days as arrays, as a panel, and replayed.

100 SKUs in 50 stores over 60 days; every store reviews on the days 1, 11, …, 51 and orders on the day after, before
that day's demand. The last order whose end the record shows is judged (that of day 42), from its arrival until the
next one arrives; models know the days before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
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
HOLDING, SHORTAGE = 1.0, 9.0


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
        days = frame["day"].n_unique()
        series = len(frame) // days
        names = ("demand", "inventory", "reorder_point", "lead_time", "reorder_qty")
        columns = [frame[name].to_numpy().reshape(series, days) for name in names]
        place = frame.gather_every(days)
        return cls(*(place[name].rank("dense").to_numpy() - 1 for name in ("sku", "store")), *columns)

    @property
    def days(self) -> int:
        return int(self.demand.shape[1])

    @cached_property
    def orders(self) -> Any:
        """Days on which all series order: those after a flag."""
        if not (self.flagged == self.flagged[0]).all():
            raise SystemExit("the series of this record are not reviewed on the same days: replay is not made for that")
        days = np.flatnonzero(self.flagged[0]) + 1
        return days[days < self.days]

    @cached_property
    def judged(self) -> int:
        """The last order whose next one arrives within the record, however long it takes."""
        longest = int(self.leads.max())
        return int(np.flatnonzero(self.orders + longest <= self.days)[-1]) - 1

    @property
    def known(self) -> int:
        """Days before the judged order."""
        return int(self.orders[self.judged])

    @property
    def review(self) -> int:
        return int(self.orders[self.judged + 1] - self.orders[self.judged])

    @property
    def leads(self) -> Any:
        """Series × orders."""
        return self.lead[:, self.orders].astype(np.int64)

    def intervals(self) -> tuple[Any, Any, Any]:
        """Days of orders, arrivals and next arrivals; the record counts the last interval until a day after its end."""
        placed = np.broadcast_to(self.orders, self.leads.shape)
        arrives = placed + self.leads
        end = np.full((len(arrives), 1), self.days + 1)
        return placed, arrives, np.concatenate([arrives[:, 1:], end], axis=1)

    def hindsight(self, *, up: bool = False) -> Any:
        return hindsight(self.demand, *self.intervals(), HOLDING, SHORTAGE, up=up)

    def reproduced(self) -> float:
        """Share of the stored orders that hindsight gives, where the position is the stock after the order's day."""
        days = self.orders
        ours = self.hindsight().order(self.stock[:, days - 1] - self.demand[:, days])
        return float((np.abs(ours - self.stored[:, days]) < 1e-3).mean())

    def cost(self, level: Any) -> float:
        """Mean over series of what ordering up to `level` on the judged day costs until the next order arrives."""
        days, rest = slice(self.known, self.days), self.days - self.known
        lead = self.lead[:, days].astype(np.int64)
        reviews = torch.zeros(rest, dtype=torch.bool)
        reviews[:: self.review] = True
        levels = torch.tensor(np.asarray(level, np.float64))[:, None].expand(-1, rest)
        outcome = simulate(
            LevelsByPeriod(levels),
            torch.tensor(self.demand[:, days], dtype=torch.float64),
            World(lead=torch.from_numpy(lead), lost=False, reviews=reviews),
            initial=torch.tensor(self.stock[:, self.known - 1], dtype=torch.float64),
            record=True,
        )
        assert outcome.path is not None
        _, arrives, after = (days[:, self.judged, None] - self.known for days in self.intervals())
        day = np.arange(rest)
        counted = torch.from_numpy((day >= arrives) & (day < after))
        spent = HOLDING * outcome.path.on_hand + SHORTAGE * outcome.path.short
        return float((spent * counted).sum(dim=1).mean())

    def panel(self) -> Panel:
        """All series, the known days; the rest of the timeline is empty."""
        series, known = len(self.demand), self.known
        observed = np.broadcast_to(np.arange(self.days) < known, (series, self.days))
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
            timeline=Timeline.covering("daily", begins, begins + self.days - 1),
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
        for order, place in enumerate(self.orders):
            day = np.arange(self.days)
            waits = (day >= place) & (day < place + self.leads[:, order, None])
            on_order += waits * self.stored[:, place, None]
        return self.stock, on_order

    def lead_times(self) -> LeadTimes:
        """A SKU has one supplier for all stores; what a model may know of it by a day is its own affair."""
        placed, arrives, _ = self.intervals()
        begins = as_day(FIRST)
        ordered, received = (days.ravel().astype(np.int64) + begins for days in (placed, arrives))
        count = len(self.orders)
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
