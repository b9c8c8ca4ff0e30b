"""The end-to-end model as written, and one step of ours after the other on its own net: what each is worth.

As written it learns from the record's own orders whose hindsight is known before the judged one. The steps learn
from a review on any day instead, with lead times drawn from those that were seen and a stock position drawn at random.
Inputs are the six of the document over fifteen days, each beside its mean and deviation; demand, order and lead time
are in units and days, as the document has them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from invplat_workloads.e2e import E2EModel, custom_loss
from invplat_workloads.e2e.as_written import WEIGHTS
from invplat_workloads.e2e.regret import hindsight_level, regret
from invplat_workloads.layers import rising
from ordering.synthetic import HOLDING, SHORTAGE, Record

PAST, SHORT = 15, 5  # days seen; days of demand said as written, where the steps say all to come
LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
MIDDLE = LEVELS.index(0.5)
RATIO = SHORTAGE / (HOLDING + SHORTAGE)
BATCH, RATE = 256, 2e-3
MOST = 8.0  # days of demand in a position drawn at random


@dataclass(frozen=True)
class Step:
    name: str
    sliding: bool = True  # reviews on any day
    causal: bool = False
    quantiles: bool = False
    vlt: bool = False
    by_cost: bool = False


STEPS = (
    Step("as written", sliding=False),
    Step("reviews on any day"),
    Step("+ causal convolutions", causal=True),
    Step("+ quantiles of demand", causal=True, quantiles=True),
    Step("+ lead time as a distribution", causal=True, quantiles=True, vlt=True),
    Step("+ order taught by its cost", causal=True, quantiles=True, vlt=True, by_cost=True),
)


@dataclass(frozen=True)
class Rows:
    sequence: Tensor  # n × PAST × 6
    categories: Tensor  # n × 2
    position: Tensor  # n: on hand and on order before the order
    demand: Tensor  # n × days from the order's on
    order: Tensor  # n × 1
    lead: Tensor  # n × 1
    until: Tensor  # n × 1: days until the next order arrives


class Stepped(E2EModel):
    """The document's net with some of its parts exchanged."""

    def __init__(self, step: Step, record: Record, rows: Rows) -> None:
        self.horizon = rows.demand.shape[1] if step.sliding else SHORT
        said = self.horizon * (len(LEVELS) if step.quantiles else 1)
        names = [int(record.sku.max()) + 1, int(record.store.max()) + 1]
        super().__init__(PAST, rows.sequence.shape[-1], said, 5, 2, 3, 0.01, names)
        self.step = step
        if step.vlt:
            self.vlt_dense2 = nn.Linear(16, len(LEVELS))
        values = rows.sequence.flatten(0, 1)
        self.centre, self.spread = values.mean(dim=0), values.std(dim=0).clamp(min=1e-3)

    def says(self, rows: Rows) -> tuple[Tensor, Tensor, Tensor]:
        seen = (rows.sequence - self.centre) / self.spread
        return self(seen, rows.categories, seen[:, :, 2], seen[:, :, 3], seen[:, :, 1])

    def loss(self, rows: Rows) -> Tensor:
        demand, order, lead = self.says(rows)
        step, target = self.step, rows.demand[:, : self.horizon]
        if not (step.quantiles or step.vlt or step.by_cost):
            return custom_loss((target, rows.order, rows.lead), (demand, order, lead))
        first = pinball(demand.view(len(demand), -1, len(LEVELS)), target) if step.quantiles else None
        last = pinball(lead.unsqueeze(1), rows.lead) if step.vlt else None
        level = (rows.position.unsqueeze(-1) + order).squeeze(-1)
        ratio = torch.full_like(level, RATIO)
        spent = regret(level, rows.demand, rows.lead, rows.until, ratio).mean() / RATIO / (1 - RATIO)
        parts = (
            F.mse_loss(demand, target) if first is None else first,
            spent if step.by_cost else F.mse_loss(order, rows.order),
            F.mse_loss(lead, rows.lead) if last is None else last,
        )
        return torch.stack([weight * part for weight, part in zip(WEIGHTS, parts, strict=True)]).sum()

    def _convolved(self, sequence: Tensor) -> Tensor:
        if not self.step.causal:
            return super()._convolved(sequence)
        state = sequence.transpose(1, 2)
        first = state
        for place, layer in enumerate(self.conv_layers):
            state = self.dropout(F.relu(layer(F.pad(state, (2**place, 0)))))
            first = state if place == 0 else first
        return F.relu(self.final_conv(torch.cat([first, state], dim=1))).flatten(1)


def pinball(raw: Tensor, target: Tensor) -> Tensor:
    short = target.unsqueeze(-1) - rising(raw, MIDDLE)
    level = torch.tensor(LEVELS)
    return torch.maximum(level * short, (level - 1) * short).mean()


def level_of(step: Step, record: Record, *, epochs: int, seed: int = 0) -> Any:
    """What a net of this step orders up to on the judged day."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    rows = sliding(record, random) if step.sliding else stored(record)
    net = Stepped(step, record, rows)
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE)
    count = len(rows.order)
    total = epochs * -(-count // BATCH)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total)
    for _ in range(epochs):
        for which in torch.split(torch.randperm(count), BATCH):
            optimizer.zero_grad()
            net.loss(chosen(rows, which)).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 100.0)
            optimizer.step()
            rates.step()
    asked = at(record, np.full(len(record.sku), record.known - 1), np.arange(len(record.sku)))
    with torch.no_grad():
        order = net.eval().says(asked)[1].squeeze(-1)
    return (asked.position + order).double().numpy()


def stored(record: Record) -> Rows:
    """The record's own orders whose hindsight was known before the judged day."""
    count = len(record.sku)
    orders = record.orders[: record.judged - 1]
    last = np.repeat(orders - 1, count)
    series = np.tile(np.arange(count), len(orders))
    found = at(record, last, series)
    order, lead = (column[series, last + 1] for column in (record.stored, record.lead))
    return replace(found, order=_column(order), lead=_column(lead))


def sliding(record: Record, random: Any) -> Rows:
    """A review after each day that leaves a whole horizon before the judged one."""
    days = np.arange(PAST - 1, 2 * record.known - record.days)
    last = np.repeat(days, len(record.sku))
    series = np.tile(np.arange(len(record.sku)), len(days))
    found = at(record, last, series)
    seen = record.leads[:, : record.judged - 1]
    first, then = (draw(seen, record.sku, series, random) for _ in range(2))
    arrives, until = (_column(values) for values in (first, record.review + then))
    position = found.demand.mean(dim=1) * torch.from_numpy(random.uniform(-1, MOST, len(last))).float()
    ratio = torch.full_like(position, RATIO)
    best = hindsight_level(found.demand.cumsum(dim=-1).unsqueeze(-2), arrives, until, ratio)
    sequence = found.sequence.clone()
    sequence[:, :, 1] += (position - found.position).unsqueeze(-1)
    order = F.relu(best - position.unsqueeze(-1))
    return replace(found, sequence=sequence, position=position, order=order, lead=arrives, until=until)


def at(record: Record, last: Any, series: Any) -> Rows:
    """What stood there at the end of day `last` of each series; days before the first are empty."""
    stock, on_order = record.positions()
    weekday = np.broadcast_to(np.arange(record.demand.shape[1]) % 7, record.demand.shape)
    columns = [record.demand, stock + on_order, record.lead, record.flagged, record.stored, weekday]
    days = last[:, None] - PAST + 1 + np.arange(PAST)
    there, row = days >= 0, series[:, None]
    sequence = np.stack([np.where(there, column[row, np.maximum(days, 0)], 0) for column in columns], axis=2)
    known = record.known
    ahead = last[:, None] + 1 + np.arange(record.days - known)
    demand = np.where(ahead < known, record.demand[row, np.minimum(ahead, known - 1)], 0)
    nothing = torch.zeros(len(last), 1)
    return Rows(
        torch.from_numpy(sequence).float(),
        torch.from_numpy(np.stack([record.sku[series], record.store[series]], axis=1)).long(),
        torch.from_numpy((stock + on_order)[series, last]).float(),
        torch.from_numpy(demand).float(),
        nothing,
        nothing,
        nothing,
    )


def draw(seen: Any, owner: Any, series: Any, random: Any) -> Any:
    """A lead time for each, of those seen of its SKU in any store."""
    found = np.zeros(len(series), np.int64)
    for sku in np.unique(owner):
        mine = owner[series] == sku
        found[mine] = random.choice(seen[owner == sku].ravel(), int(mine.sum()))
    return found


def chosen(rows: Rows, which: Tensor) -> Rows:
    return Rows(**{name: getattr(rows, name)[which] for name in rows.__dataclass_fields__})


def _column(values: Any) -> Tensor:
    return torch.from_numpy(np.asarray(values)).float().unsqueeze(-1)
