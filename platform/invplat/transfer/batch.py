"""Many tenants' fits as one program: weights stacked, each row with its own examples, order, rate and end.

What is frozen was computed before; here the layers that learn run for all tenants at once. A batch of a tenant that has
fewer examples than its mates' is filled up with its own first example at no weight, so nothing of one row reaches
another: alone or in a pack, with a mate that is poisoned or without, a tenant ends with the same weights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from invplat.data.layout import Layout
from invplat.transfer.examples import CHOOSE, LEARN, Examples, Frozen, plain, rebuilt
from invplat.transfer.stack import Weights
from invplat.transfer.ways import Way
from invplat.workload import Layered, Outputs, Workload

STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)  # of an epoch: few numbers, so that many tenants share one
ROWS = 4096  # examples a step, of all tenants of a pack
BYTES = 256 << 20  # of a pack's examples
JUDGED = 4096  # examples a step where nothing is learnt
CLIP = 1.0
WARY = 0.003  # share of its loss that a fit must save before it is told from chance


@dataclass(frozen=True)
class Settings:
    way: Way
    rate: float = 1e-3
    pull: float = 0.0  # towards where it began, a step and unit of rate
    slow: float = 0.1  # share of the rate that the trunk learns at
    epochs: int = 12
    batch: int = 32
    stop: int | None = None  # the epoch whose weights are wanted; None: the best on validation
    blends: tuple[float, ...] = (1.0,)  # how far to go from where it began to where it came; the best is chosen
    seed: int = 0


@dataclass(frozen=True)
class Member:
    examples: Examples
    frozen: Frozen
    settings: Settings
    net: torch.nn.Module  # what it begins as
    whole: bool = False  # learns from all that is known; else from the part for learning, and is chosen by the next


@dataclass(frozen=True)
class Fitted:
    """`weights`: of the best epoch and blend, by parameter name. Losses: of the start, then of each epoch at its best
    blend; empty without a part to choose by."""

    weights: dict[str, Tensor]
    losses: tuple[float, ...]
    train: tuple[float, ...]
    best: int  # 0: as it began
    blend: float = 1.0
    trouble: str = ""

    @property
    def loss(self) -> float:
        return self.losses[self.best] if self.losses else math.nan


@dataclass(frozen=True)
class Rows:
    """Some of a member's examples: which, how many periods of their targets count, and how much each matters."""

    which: Tensor
    room: Tensor
    weight: Tensor

    @classmethod
    def of(cls, member: Member, part: int) -> Rows:
        examples = member.examples
        room = examples.rooms[:, 2 if member.whole else part]
        there = room > 0 if member.whole else (examples.part == part) & (room > 0)
        observed = member.frozen.batch.observed.to("cpu", torch.float32)
        horizon = observed.shape[1]
        seen = (observed * (torch.arange(horizon) < room[:, None])).sum(dim=1) / horizon
        which = (there & (seen > 0)).nonzero().flatten()
        return cls(which, room[which], seen[which])

    def __len__(self) -> int:
        return len(self.which)


def steps_of(count: int, batch: int) -> int:
    """Of an epoch."""
    wanted = -(-count // batch)
    return next((steps for steps in STEPS if steps >= wanted), wanted)


def fit_many(workload: Workload, layout: Layout, members: Sequence[Member], device: str = "cpu") -> list[Fitted]:
    """One result a member, in their order. All have this layout; frozen weights are the first net's in each pack, so
    members whose frozen weights differ belong in different calls."""
    found: dict[int, Fitted] = {}
    for pack in packs_of(members):
        run = Pack(workload, layout, [members[place] for place in pack], device)
        found.update(zip(pack, run.go(), strict=True))
    return [found[place] for place in range(len(members))]


def packs_of(members: Sequence[Member]) -> list[list[int]]:
    """Members that are trained together: alike in way and steps, of about one size, as many as memory is meant for."""
    alike: dict[Any, list[tuple[int, int]]] = {}
    for place, member in enumerate(members):
        count = len(Rows.of(member, LEARN))
        chosen = member.settings
        key = (
            *(chosen.way, steps_of(count, chosen.batch), chosen.blends),
            *(-1 if chosen.stop is None else chosen.stop, chosen.seed),
        )
        alike.setdefault(key, []).append((count, place))
    found = []
    for key, group in alike.items():
        group.sort()
        pack: list[int] = []
        size = 0
        for count, place in group:
            each = members[place].frozen.nbytes()
            wide = -(-count // key[1])
            if pack and (size + each > BYTES or (len(pack) + 1) * wide > ROWS):
                found.append(pack)
                pack, size = [], 0
            pack.append(place)
            size += each
        found.append(pack)
    return found


class Pack:
    def __init__(self, workload: Workload, layout: Layout, members: Sequence[Member], device: str) -> None:
        self.workload, self.layout, self.members, self.device = workload, layout, list(members), device
        self.way = members[0].settings.way
        self.net = members[0].net
        slow = torch.tensor([member.settings.slow for member in members])
        self.weights = Weights(workload, self.way, [member.net for member in members], slow, device)
        chosen = [member.settings for member in members]
        data = Data([member.frozen for member in members])
        self.like, self.rest = data.like, data.rest
        learn = Table([Rows.of(member, LEARN) for member in members], data.starts, device)
        self.steps = steps_of(max(learn.counts), chosen[0].batch)
        self.batches = [data.block(*learn.at(local), there) for local, there in self._drawn(learn.counts)]
        held = Table([None if one.whole else Rows.of(one, CHOOSE) for one in members], data.starts, device)
        at_once = max(JUDGED // len(members), 16)
        rows = torch.split(torch.arange(max(held.counts), device=device), at_once)
        self.held = [data.block(*held.at(local.expand(len(members), -1))) for local in rows]
        self.counts = held.counts
        self.epochs = max(one.epochs if one.stop is None else one.stop for one in chosen)
        self.every = torch.tensor([one.epochs for one in chosen], device=device) * self.steps
        self.order = torch.Generator().manual_seed(chosen[0].seed)
        self.fused = workload.fusable or bool(self.way.last)
        self.rate = torch.tensor([member.settings.rate for member in members], device=device)
        self.pull = torch.tensor([member.settings.pull for member in members], device=device)
        self.trouble = [""] * len(members)

    def go(self) -> list[Fitted]:
        begin = self.weights.begin
        best = begin.clone()
        at = torch.zeros(len(self.members), dtype=torch.int64, device=self.device)
        blended = torch.ones(len(self.members), device=self.device)
        losses = [self.judged(begin)]
        least = losses[0] * (1 - WARY)
        train: list[Tensor] = []
        stops = torch.tensor(
            [-1 if m.settings.stop is None else m.settings.stop for m in self.members], device=self.device
        )
        for number in range(1, self.epochs + 1):
            train.append(self.epoch(number))
            told = []
            for blend in self.members[0].settings.blends:
                rows = self.weights.rows if blend == 1 else torch.lerp(begin, self.weights.rows, blend)
                told.append(self.judged(rows))
                better = torch.where(stops >= 0, stops == number, told[-1] < least)
                best = torch.where(better[:, None], rows, best)
                at, blended = torch.where(better, number, at), torch.where(better, blend, blended)
                least = torch.where(better, told[-1], least)
            losses.append(torch.stack(told).amin(dim=0))
        return self._fitted(best, at.tolist(), blended.tolist(), losses, train)

    def _fitted(
        self, best: Tensor, at: list[int], blended: list[float], losses: list[Tensor], train: list[Tensor]
    ) -> list[Fitted]:
        views = self.weights.views(best)
        judged = torch.stack(losses).T.tolist()
        learnt = torch.stack(train).T.tolist() if train else [[] for _ in self.members]
        found = []
        for row, held in enumerate(self.counts):
            mine = {name: value[row] for name, value in views.items()}
            weights = {name: value.clone() for name, value in self.weights.whole(mine).items()}
            told = tuple(judged[row]) if held else ()
            found.append(Fitted(weights, told, tuple(learnt[row]), at[row], blended[row], self.trouble[row]))
        return found

    def epoch(self, number: int) -> Tensor:
        """Each member's mean loss. Its batches come in another order each time."""
        total = torch.zeros(len(self.members), device=self.device)
        for step, place in enumerate(torch.randperm(self.steps, generator=self.order).tolist()):
            moment = (number - 1) * self.steps + step
            rates = self.rate * 0.5 * (1 + torch.cos(math.pi * (moment / self.every).clamp(max=1.0)))
            total += self._step(self.batches[place], rates)
        for row in (~total.isfinite()).nonzero().flatten().tolist():
            self.trouble[row] = self.trouble[row] or f"the loss was not finite in epoch {number}"
        return total / self.steps

    def _drawn(self, counts: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
        """Batches, once for all epochs, so that their examples lie side by side: of each which of a member's rows
        (members × the widest), and 0 for what only fills up. Each member's are drawn by its own seed."""
        wide = -(-max(counts) // self.steps)
        local = torch.zeros((self.steps, len(counts), wide), dtype=torch.int64)
        there = torch.zeros(local.shape)
        for row, (count, member) in enumerate(zip(counts, self.members, strict=True)):
            own = -(-count // self.steps)
            filled = torch.full((self.steps * own,), -1)
            filled[:count] = torch.randperm(count, generator=torch.Generator().manual_seed(member.settings.seed))
            mine = filled.view(own, self.steps).T  # every batch about as large
            local[:, row, :own], there[:, row, :own] = mine.clamp(min=0), (mine >= 0).float()
        return list(zip(local.to(self.device), there.to(self.device), strict=True))

    def _step(self, block: Block, rates: Tensor) -> Tensor:
        views = {name: value.detach().requires_grad_() for name, value in self.weights.views().items()}
        losses = self._losses(views, block)
        loss = (losses * block.weight).sum(dim=1) / block.weight.sum(dim=1).clamp(min=1e-9)
        found = torch.autograd.grad(loss.sum(), list(views.values()), allow_unused=True)
        flat = [
            torch.zeros_like(view).flatten(1) if part is None else part.flatten(1)
            for view, part in zip(views.values(), found, strict=True)
        ]
        self.weights.step(torch.cat(flat, dim=1), rates, self.pull, CLIP)
        return loss.detach()

    def _losses(self, views: Mapping[str, Tensor], block: Block) -> Tensor:
        def one(weights: Any, told: Any, fields: Any) -> Tensor:
            batch = rebuilt(self.like, {**self.rest, **fields})
            return self.workload.loss(self._answered(self.weights.whole(weights), told), batch, self.layout)

        if self.fused:
            found: Tensor = vmap(one)(views, block.told, block.fields)
            return found
        parts = (views, block.told, block.fields)
        return torch.stack([one(*(_row(part, row) for part in parts)) for row in range(len(block.weight))])

    def _answered(self, weights: Mapping[str, Tensor], told: Mapping[str, Tensor]) -> Outputs:
        return answered(self.workload, self.net, self.way, weights, told)

    @torch.no_grad()
    def judged(self, rows: Tensor) -> Tensor:
        """Each member's mean loss with these weights, on the part to choose by; NaN without one."""
        total = torch.zeros(len(self.members), dtype=torch.float64, device=self.device)
        number = torch.zeros_like(total)
        views = self.weights.views(rows)
        for block in self.held:
            total += (self._losses(views, block) * block.weight).sum(dim=1)
            number += block.weight.sum(dim=1)
        return total / number


class _Whole(torch.nn.Module):
    """The layers that learn, as a module whose parameters may be given."""

    def __init__(self, workload: Layered, net: torch.nn.Module, last: int) -> None:
        super().__init__()
        self.workload, self.net, self.last = workload, net, last

    def forward(self, told: Mapping[str, Tensor]) -> Outputs:
        return self.workload.answered(self.net, told, self.last)


def answered(
    workload: Workload, net: torch.nn.Module, way: Way, weights: Mapping[str, Tensor], told: Mapping[str, Tensor]
) -> Outputs:
    """What a net says where these weights stand in for its own."""
    if way.last and isinstance(workload, Layered):
        behind = _Whole(workload, net, way.last)
        found: Outputs = functional_call(behind, {f"net.{name}": value for name, value in weights.items()}, (told,))
        return found
    whole: Outputs = functional_call(net, dict(weights), args=(), kwargs=dict(told))
    return whole


class Table:
    """Rows of each member side by side, the shorter filled up with their first example at no weight."""

    def __init__(self, rows: Sequence[Rows | None], starts: Sequence[int], device: str) -> None:
        self.counts = [0 if one is None else len(one) for one in rows]
        shape = (len(rows), max(*self.counts, 1))
        self.which = torch.tensor(starts)[:, None].repeat(1, shape[1])
        self.room, self.weight = torch.ones(shape, dtype=torch.int64), torch.zeros(shape)
        for place, (one, count) in enumerate(zip(rows, self.counts, strict=True)):
            if one is not None and count:
                self.which[place] = starts[place] + one.which[0]
                self.which[place, :count] = starts[place] + one.which
                self.room[place, :count], self.weight[place, :count] = one.room, one.weight
        self.which, self.room, self.weight = (part.to(device) for part in (self.which, self.room, self.weight))

    def at(self, local: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """members × number: row of the data, room and weight of each."""
        return self.which.gather(1, local), self.room.gather(1, local), self.weight.gather(1, local)


class Data:
    """All members' examples one after the other; those that members share stand there once."""

    def __init__(self, frozen: Sequence[Frozen]) -> None:
        starts: dict[int, int] = {}
        different: list[Frozen] = []
        first = 0
        for one in frozen:
            if id(one) not in starts:
                starts[id(one)] = first
                different.append(one)
                first += len(one.batch.observed)
        self.starts = [starts[id(one)] for one in frozen]
        self.told = {name: torch.cat([one.told[name] for one in different]) for name in frozen[0].told}
        self.fields = {name: torch.cat([one.kept[name] for one in different]) for name in frozen[0].kept}
        self.like, self.horizon = frozen[0].batch, frozen[0].batch.observed.shape[1]
        self.rest = {name: value for name, value in plain(self.like).items() if name not in self.fields}

    def block(self, which: Tensor, room: Tensor, weight: Tensor, there: Tensor | None = None) -> Block:
        """members × number of rows, side by side; of their targets only what lies in their room is seen."""
        told, fields = (
            {
                name: value.index_select(0, which.flatten()).view(*which.shape, *value.shape[1:])
                for name, value in part.items()
            }
            for part in (self.told, self.fields)
        )
        fields["observed"] = fields["observed"] & (torch.arange(self.horizon, device=room.device) < room.unsqueeze(-1))
        return Block(told, fields, weight if there is None else weight * there)


@dataclass(frozen=True)
class Block:
    """Examples of all members that a step looks at; members × number of rows."""

    told: dict[str, Tensor]
    fields: dict[str, Tensor]  # that the loss reads
    weight: Tensor  # 0 for what only fills up


def _row(values: Mapping[str, Tensor], row: int) -> dict[str, Tensor]:
    return {name: value[row] for name, value in values.items()}
