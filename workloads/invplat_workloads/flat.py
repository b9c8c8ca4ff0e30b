"""Windows as the base model reads them: what is looked at by period, and of what sums up the past, the last period.

Numbers are centred once, before the first batch; only demand and what else is counted in units waits for its window's
level. A batch is then little more than gathering, and training's time goes to learning.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from invplat.data.layout import Layout, Numbers
from invplat.data.stretches import gathered
from invplat.data.windows import Batch, Windows

DEMAND = "demand"
# Columns whose every period is looked at; of the others, which sum up the past, the last says all.
BY_PERIOD = (DEMAND, "observed", "censored", "available", "promotion", "discount", "price_cut", "price_ratio")
CYCLES = ("month", "week_of_year", "day_of_week", "day_of_month", "weekend", "payday")  # the same for every series


@dataclass(frozen=True)
class FlatBatch(Batch):
    """All numbers centred; `past` has the columns by period only, demand first."""

    now: Tensor  # n × the others, as they stand at the cutoff


@dataclass(frozen=True)
class Shares:
    """How many columns of a layout go where."""

    by_period: int
    quantities: int  # of the others
    own: int  # of those known ahead: not the calendar's

    @classmethod
    def of(cls, layout: Layout) -> Shares:
        rest = [name for name in layout.sees.names if name not in BY_PERIOD]
        return cls(
            by_period=len(layout.sees.names) - len(rest),
            quantities=sum(name in layout.quantities for name in rest),
            own=sum(not name.startswith(CYCLES) for name in layout.ahead.names),
        )


def order(windows: Windows) -> tuple[str, ...]:
    """The columns in the order that `Shares` counts on."""
    quantities = [windows.past_names[place] for place in windows.columns.quantities.tolist()]
    own = [name for name in windows.ahead_names if not name.startswith(CYCLES)]
    return (*BY_PERIOD, *(name for name in quantities if name not in BY_PERIOD), *own)


@dataclass(frozen=True)
class FlatWindows:
    past: int
    horizon: int
    demand: Numbers  # how demand is centred, once divided by its level
    counted: Numbers  # and the other quantities
    rows: dict[str, Tensor]  # of every (series, period): demand, by_period, counted, others, ahead, target, observed, …
    static: Tensor  # of every series
    ids: dict[str, Tensor]
    starts: Tensor  # of every window
    series: Tensor
    level: Tensor

    @classmethod
    def of(cls, windows: Windows, layout: Layout) -> FlatWindows:
        aligned, shares = layout.align(windows), Shares.of(layout)
        columns, sees = aligned.columns, layout.sees
        last = shares.by_period + shares.quantities
        rows = {
            "demand": columns.past[:, :1].contiguous(),
            "by_period": sees.part(1, shares.by_period).centred(columns.past[:, 1 : shares.by_period]),
            "counted": columns.past[:, shares.by_period : last].contiguous(),
            "others": sees.part(last).centred(columns.past[:, last:]),
            "ahead": layout.ahead.centred(columns.ahead),
            "target": columns.demand,
            "observed": columns.observed,
            "censored": columns.censored,
        }
        static = layout.static.centred(columns.static)
        demand, counted = sees.part(0, 1), sees.part(shares.by_period, last)
        starts = (aligned.starts, columns.series, aligned.levels)
        return cls(layout.past, layout.horizon, demand, counted, rows, static, columns.ids, *starts)

    def __len__(self) -> int:
        return len(self.starts)

    def to(self, device: str) -> FlatWindows:
        moved: dict[str, Any] = {
            name: getattr(self, name).to(device) for name in ("static", "starts", "series", "level")
        }
        return replace(self, **moved, rows=_each(self.rows, device), ids=_each(self.ids, device))

    def batch(self, which: Tensor) -> FlatBatch:
        starts, series, level = self.starts[which], self.series[which], self.level[which]
        rows, now, first = self.rows, starts + self.past - 1, starts + self.past
        seen = self.demand.centred(gathered(rows["demand"], starts, self.past) / level[:, None, None])
        counted = self.counted.centred(rows["counted"][now] / level[:, None])
        target, observed, censored = (
            gathered(rows[name], first, self.horizon).squeeze(-1) for name in ("target", "observed", "censored")
        )
        return FlatBatch(
            past=torch.cat([seen, gathered(rows["by_period"], starts, self.past)], dim=-1),
            ahead=gathered(rows["ahead"], starts, self.past + self.horizon),
            static=self.static[series],
            ids={name: codes[series] for name, codes in self.ids.items()},
            target=target / level[:, None],
            observed=observed,
            censored=censored,
            level=level,
            series=series,
            now=torch.cat([counted, rows["others"][now]], dim=-1),
        )


def _each(tensors: dict[str, Tensor], device: str) -> dict[str, Tensor]:
    return {name: tensor.to(device) for name, tensor in tensors.items()}
