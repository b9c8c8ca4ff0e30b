"""Many items through many periods at once, as tensors: what a policy would have cost on given demand and lead times.

A period: arrivals come in, the policy orders (where it is a review day), demand takes what is there, the rest is lost
or waits, what is too old goes. Everything is given and nothing drawn: the same in, the same out. Gradients flow from
the totals through stock to orders. Totals are kept in demand's own type: float64 for runs that count past 16 million.
Knows nothing of forecasts, prices or where demand came from.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from invplat.core.errors import FigureRefused
from invplat.inventory.checks import at_least, whole
from invplat.inventory.outcome import Outcome, Path
from invplat.inventory.shelf import AgeingShelf, Shelf
from invplat.inventory.state import Policy, State
from invplat.inventory.terms import Terms
from invplat.inventory.transit import Line, Ring

ACCOUNTS = ("held", "short", "missed", "stockouts", "placed", "ordered", "received", "expired")


@dataclass(frozen=True)
class World:
    """The rules of the place, apart from the policy that is tried in it."""

    lead: int | Tensor = 1  # periods; a tensor: one an item, or items × periods by the period of the order
    lost: bool = True  # unmet demand is lost; False: it waits
    reviews: int | Tensor = 1  # orders every so many periods; or a mask: periods, or items × periods
    terms: Terms = field(default_factory=Terms)
    shelf_life: int | None = None  # periods in which an arrival can be sold
    crossing: bool = True  # a later order may arrive before an earlier one


def simulate(
    policy: Policy,
    demand: Tensor,
    world: World | None = None,
    *,
    initial: Tensor | float = 0.0,
    pipeline: Tensor | None = None,
    warm_up: int = 0,
    record: bool = False,
) -> Outcome:
    """Run `policy` against `demand` (items × periods).

    `initial` is the level before the first period, `pipeline` (items × periods) what is already on its way, the first
    column arriving in the first period. Periods before `warm_up` are lived through and not counted.
    """
    world = world or World()
    items, periods = _checked(demand, warm_up)
    days = demand.t().contiguous()
    nothing = torch.zeros(items, dtype=demand.dtype, device=demand.device)
    level = torch.as_tensor(initial, dtype=demand.dtype, device=demand.device).expand(items)
    lost = world.lost
    shelf = Shelf(level, lost=lost) if world.shelf_life is None else AgeingShelf(level, _life(world), lost=lost)
    transit = _transit(world, nothing, periods, pipeline)
    reviews = _reviews(world.reviews, items, periods)
    on_order = torch.zeros_like(level) if pipeline is None else pipeline.sum(1)
    account = _Account(nothing)
    before = level
    steps: list[tuple[Tensor, ...]] = []
    for period, wanted in enumerate(days.unbind()):
        if period == warm_up:
            account, before = _Account(nothing), shelf.level
        owed = None if lost or not record else (-shelf.level).clamp(min=0)
        received = transit.arrive(period)
        if received is not None:
            shelf.receive(received)
            on_order = on_order - received
        mask = reviews(period)
        if mask is False:
            order = nothing
            transit.skip()
        else:
            state = State(period, shelf.level, on_order, transit.pipeline)
            order = policy.order(state)
            if mask is not True:
                order = torch.where(mask, order, nothing)
            if not world.terms.free:
                order = world.terms.allowed(order, state.position)
            at_once = transit.place(order)
            on_order = on_order + order
            if at_once is not None:
                shelf.receive(at_once)
                on_order = on_order - at_once
                received = at_once if received is None else received + at_once
            account.order(order)
        held, short = shelf.sell(wanted)
        # Those who waited are served first, so what stays owed is at most today's as far as today's demand goes.
        account.period(held, short, short if lost else torch.minimum(short, wanted), received, shelf.expired)
        if record:
            came = nothing if received is None else received
            gone = nothing if shelf.expired is None else shelf.expired
            sales = wanted - short if owed is None else wanted + owed - short
            steps.append((held, short, order, came, sales, gone))
    if lost:
        account.totals["missed"] = account.totals["short"]
    path = Path(*(torch.stack(column, 1) for column in zip(*steps, strict=True))) if record else None
    return Outcome(
        periods=periods - warm_up,
        lost=lost,
        demand=days[warm_up:].sum(0),
        before=before,
        level=shelf.level,
        pipeline=transit.pipeline(),
        path=path,
        **account.totals,
    )


class _Account:
    """Running totals; in place where no gradient asks for the past."""

    def __init__(self, nothing: Tensor) -> None:
        self.totals = {name: torch.zeros_like(nothing) for name in ACCOUNTS}
        self.graph = torch.is_grad_enabled()

    def order(self, order: Tensor) -> None:
        self._add("ordered", order)
        self._add("placed", order > 0)

    def period(
        self, held: Tensor, short: Tensor, missed: Tensor, received: Tensor | None, expired: Tensor | None
    ) -> None:
        self._add("held", held)
        self._add("short", short)
        self._add("stockouts", missed > 0)
        if missed is not short:
            self._add("missed", missed)
        if received is not None:
            self._add("received", received)
        if expired is not None:
            self._add("expired", expired)

    def _add(self, name: str, amount: Tensor) -> None:
        if self.graph:
            self.totals[name] = self.totals[name] + amount
        else:
            self.totals[name].add_(amount)


class _Reviews:
    def __init__(self, every: int, mask: Tensor | None) -> None:
        self.every, self.mask = every, mask
        self.shared = mask.tolist() if mask is not None and mask.ndim == 1 else None

    def __call__(self, period: int) -> bool | Tensor:
        if self.shared is not None:
            return bool(self.shared[period])
        return period % self.every == 0 if self.mask is None else self.mask[period]


def _reviews(reviews: int | Tensor, items: int, periods: int) -> _Reviews:
    if isinstance(reviews, int):
        whole(1, reviews=reviews)
        return _Reviews(reviews, None)
    if reviews.dtype != torch.bool or tuple(reviews.shape) not in ((periods,), (items, periods)):
        raise FigureRefused(
            f"reviews are {reviews.dtype} of shape {tuple(reviews.shape)}",
            hint=f"give a number of periods, or True and False as ({periods},) or ({items}, {periods})",
        )
    return _Reviews(1, reviews if reviews.ndim == 1 else reviews.t().contiguous())


def _transit(world: World, nothing: Tensor, periods: int, pipeline: Tensor | None) -> Line | Ring:
    items = len(nothing)
    if pipeline is not None and (pipeline.ndim != 2 or len(pipeline) != items):
        raise FigureRefused(
            f"a pipeline of shape {tuple(pipeline.shape)} for {items} items", hint="give items × periods"
        )
    if isinstance(world.lead, int):
        whole(0, lead=world.lead)
        return Line(nothing, world.lead, pipeline)
    leads = world.lead
    if leads.dtype.is_floating_point or tuple(leads.shape) not in ((items,), (items, periods)):
        raise FigureRefused(
            f"lead times are {leads.dtype} of shape {tuple(leads.shape)}",
            hint=f"give one whole number, or whole numbers as ({items},) or ({items}, {periods})",
        )
    at_least(0, lead=leads)
    rows = leads.unsqueeze(0) if leads.ndim == 1 else leads.t()
    rows = rows.to(nothing.device, torch.int64).contiguous()
    return Ring(rows, pipeline, nothing, crossing=world.crossing)


def _life(world: World) -> int:
    life = world.shelf_life or 0
    whole(1, shelf_life=life)
    return life


def _checked(demand: Tensor, warm_up: int) -> tuple[int, int]:
    if demand.ndim != 2 or not demand.dtype.is_floating_point or demand.numel() == 0:
        raise FigureRefused(
            f"demand is {demand.dtype} of shape {tuple(demand.shape)}",
            hint="give floating-point numbers, items × periods, at least one of each",
        )
    at_least(0, demand=demand)
    if not 0 <= warm_up < demand.shape[1]:
        raise FigureRefused(
            f"warm_up is {warm_up} of {demand.shape[1]} periods", hint="leave at least one period that counts"
        )
    return int(demand.shape[0]), int(demand.shape[1])
