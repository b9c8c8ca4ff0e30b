"""Windows as the base model reads them: what is looked at by period, and of what sums up the past, the last period.

Numbers are centred once, before the first batch; only demand and what else is counted in units waits for its window's
level. A batch is then little more than gathering, and training's time goes to learning. Beside them stands what the
same phase of past weeks said (`phases`), and how much each window matters (`weights`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from invplat.data.layout import FAR, Layout, Numbers
from invplat.data.stretches import gathered
from invplat.data.windows import Batch, Windows
from invplat_workloads.phases import PRIOR, last_years, running, season, turns
from invplat_workloads.weights import weights

DEMAND = "demand"
# Columns whose every period is looked at; of the others, which sum up the past, the last says all.
UNKNOWN = -1.0  # stands for demand that nobody saw
BY_PERIOD = (DEMAND, "observed", "censored", "available", "promotion", "discount", "price_cut", "price_ratio")
CYCLES = ("month", "week_of_year", "day_of_week", "day_of_month", "weekend", "payday")  # the same for every series
MOST = 2 * FAR  # levels that a phase may be away


@dataclass(frozen=True)
class FlatBatch(Batch):
    """All numbers centred; `past` has the columns by period only, demand first."""

    now: Tensor  # n × the others, as they stand at the cutoff
    phases: Tensor  # n × horizon × what each period's phase said
    weight: Tensor  # n: how much an example matters


@dataclass(frozen=True)
class Shares:
    """How many columns of a layout go where."""

    by_period: int
    quantities: int  # of the others
    own: int  # of those known ahead: not the calendar's
    phases: int  # of what a period's phase said

    @classmethod
    def of(cls, layout: Layout) -> Shares:
        rest = [name for name in layout.sees.names if name not in BY_PERIOD]
        return cls(
            by_period=len(layout.sees.names) - len(rest),
            quantities=sum(name in layout.quantities for name in rest),
            own=sum(not name.startswith(CYCLES) for name in layout.ahead.names),
            phases=2 * (len(PRIOR) + len(last_years(layout.ahead.names))) + 1 if layout.past else 0,
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
    season: int  # periods
    rows: dict[str, Tensor]  # of every (series, period): demand, by_period, counted, others, ahead, target, observed, …
    static: Tensor  # of every series
    ids: dict[str, Tensor]
    starts: Tensor  # of every window
    series: Tensor
    level: Tensor
    weight: Tensor

    @classmethod
    def of(cls, windows: Windows, layout: Layout) -> FlatWindows:
        aligned, shares = layout.align(windows), Shares.of(layout)
        columns, sees = aligned.columns, layout.sees
        last = shares.by_period + shares.quantities
        known, apart = columns.observed, season(layout)
        rows = {
            "demand": torch.where(known, columns.past[:, :1], UNKNOWN),
            "by_period": sees.part(1, shares.by_period).centred(columns.past[:, 1 : shares.by_period]),
            "counted": columns.past[:, shares.by_period : last].contiguous(),
            "others": sees.part(last).centred(columns.past[:, last:]),
            "ahead": layout.ahead.centred(columns.ahead),
            "target": columns.demand,
            "observed": columns.observed,
            "censored": columns.censored,
            "phases": running(columns.demand, known & ~columns.censored, apart, turns(layout.past, apart)),
            "years": columns.ahead[:, last_years(layout.ahead.names)].contiguous(),
        }
        static = layout.static.centred(columns.static)
        demand, counted = sees.part(0, 1), sees.part(shares.by_period, last)
        each = (aligned.starts, columns.series, aligned.levels, weights(aligned))
        return cls(layout.past, layout.horizon, demand, counted, apart, rows, static, columns.ids, *each)

    def __len__(self) -> int:
        return len(self.starts)

    def to(self, device: str) -> FlatWindows:
        moved: dict[str, Any] = {
            name: getattr(self, name).to(device) for name in ("static", "starts", "series", "level", "weight")
        }
        return replace(self, **moved, rows=_each(self.rows, device), ids=_each(self.ids, device))

    def batch(self, which: Tensor) -> FlatBatch:
        starts, series, level = self.starts[which], self.series[which], self.level[which]
        rows, now, first = self.rows, starts + self.past - 1, starts + self.past
        seen = gathered(rows["demand"], starts, self.past) / level[:, None, None]
        seen = self.demand.centred(torch.where(seen < 0, 1.0, seen))  # a day that nobody saw was a usual one
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
            phases=self.phases(first, level),
            weight=self.weight[which],
        )

    def phases(self, first: Tensor, level: Tensor) -> Tensor:
        """Of each period ahead, relative to the level and centred: demand of the last seasons at its phase; that moved
        as a year ago demand was beside its level then; how much of it is known."""
        found = gathered(self.rows["phases"], first - self.season, self.season)
        kinds, prior = len(PRIOR), found.new_tensor(PRIOR)
        known = found[..., kinds:]
        usual = (found[..., :kinds] / level[:, None, None] + prior) / (known + prior)
        times = -(-self.horizon // self.season)
        ahead = torch.cat([usual, known[..., :1] / turns(self.past, self.season)], dim=-1)
        ahead = ahead.repeat(1, times, 1)[:, : self.horizon]
        years = gathered(self.rows["years"], first, self.horizon)
        relative = torch.cat([ahead[..., :kinds], ahead[..., :1] * years], dim=-1).clamp(max=MOST)
        shape = relative.shape
        return torch.cat([relative, self.demand.centred(relative.reshape(-1, 1)).view(shape), ahead[..., kinds:]], -1)


def _each(tensors: dict[str, Tensor], device: str) -> dict[str, Tensor]:
    return {name: tensor.to(device) for name, tensor in tensors.items()}
