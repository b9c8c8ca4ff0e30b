"""What each item is ordered by, as columns: an item's own word counts, then the defaults asked for, then the facts.

Knows no forecast: only what was asked and what is known of stock, costs and lead times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

from invplat.core.errors import FigureRefused, Unknown
from invplat.evaluate.costs import USUAL
from invplat.evaluate.insights.assumptions import Assumptions
from invplat.evaluate.insights.cells import DAYS
from invplat.inventory.terms import Terms
from invplat.serve.assumed import lead_notes, money_notes, stock_notes
from invplat.serve.facts import Bools, Facts, Numbers
from invplat.serve.lead_chances import split
from invplat.serve.order_schemas import LONGEST, ORDER_COST, SERVICE, Item, ItemTerms, OrdersAsked
from invplat.serve.schemas import FAR

Ints = npt.NDArray[np.int64]
SLIVER = 1e-3  # the pack of what is sold in parts, where others of the same request come in packs
YEAR = 365.25


@dataclass(frozen=True, eq=False)
class ItemColumns:
    """An entry an item; NaN where nothing is known."""

    on_hand: Numbers  # 0 where not known
    on_order: Numbers
    unknown: Bools  # nobody ever counted the stock
    counted: Numbers  # days before the as-of day; NaN where never, or where the request told the stock
    stale: Bools
    chances: npt.NDArray[np.float32]  # distinct ones × lead times
    lead: Ints  # row of `chances`
    review: Ints
    terms: Terms
    unit_cost: Numbers
    price: Numbers
    service: Numbers
    holding: Numbers  # money a unit and period; NaN where not known
    shortage: Numbers  # money a unit; NaN where holding is
    order_cost: Numbers
    notes: tuple[str, ...]  # what was assumed of these items

    @cached_property
    def position(self) -> Numbers:
        return self.on_hand + self.on_order

    def lead_mean(self) -> Numbers:
        found = self.chances @ np.arange(self.chances.shape[1], dtype=np.float32)
        return np.asarray(found, np.float64)[self.lead]

    def lead_range(self, outside: float = 0.05) -> tuple[Ints, Ints]:
        """Between which periods a delivery nearly always comes."""
        reached = np.cumsum(self.chances.astype(np.float64), axis=1)
        low = (reached <= outside).sum(axis=1)
        high = (reached < 1 - outside).sum(axis=1)
        return np.minimum(low, high)[self.lead], high[self.lead]

    def longest(self) -> Ints:
        """The last lead time of each that has any chance."""
        width = self.chances.shape[1]
        return np.asarray(width - 1 - np.argmax(self.chances[:, ::-1] > 0, axis=1), np.int64)[self.lead]


def item_columns(
    names: Sequence[tuple[str, str]], rows: npt.NDArray[np.int64], facts: Facts, asked: OrdersAsked
) -> ItemColumns:
    """For the series of that name, which stand in those rows of the facts."""
    strange = rows[(rows < 0) | (rows >= len(facts))]
    if len(strange):
        raise FigureRefused(
            f"series number {int(strange[0])} of {len(facts)} that facts are known of", hint="read the facts again"
        )
    find = _Finder(names, asked)
    counted_by_us = find("on_hand", facts.on_hand[rows])
    told = find.given("on_hand")
    unknown = np.isnan(counted_by_us)
    unit_cost, price = find("unit_cost", facts.unit_cost[rows]), find("price", facts.price[rows])
    per_year = DAYS[facts.frequency] / YEAR
    service, shortage_given = find.service(), find.shortage()
    holding = find("holding", unit_cost * Assumptions().holding_rate * per_year)
    with np.errstate(invalid="ignore", divide="ignore"):
        shortage = np.where(np.isnan(shortage_given), holding * service / (1 - service), shortage_given)
        service = np.where(np.isnan(shortage_given), service, shortage / (holding + shortage))
    chances, lead = _leads(find, rows, facts)
    stale = facts.stale[rows] & ~told
    guessed = facts.lead_assumed[rows] & ~find.given("lead_time") & ~find.given("lead_time_chances")
    cost_guessed, price_guessed = (
        assumed[rows] & ~find.given(name)
        for assumed, name in ((facts.cost_assumed, "unit_cost"), (facts.price_assumed, "price"))
    )
    return ItemColumns(
        on_hand=np.where(unknown, 0.0, counted_by_us),
        on_order=np.nan_to_num(find("on_order", facts.on_order[rows])),
        unknown=unknown,
        counted=np.where(told, np.nan, facts.counted[rows]),
        stale=stale,
        chances=chances,
        lead=lead,
        review=find("review", float(USUAL[facts.frequency][1])).astype(np.int64),
        terms=_terms(find, facts.pack[rows], facts.whole),
        unit_cost=unit_cost,
        price=price,
        service=np.clip(service, 1e-6, 1 - 1e-6),  # costs a world apart are as good as never and always
        holding=holding,
        shortage=shortage,
        order_cost=find("order_cost", ORDER_COST),
        notes=(
            *money_notes(unit_cost, price, cost_guessed, price_guessed),
            *stock_notes(unknown, stale),
            *lead_notes(guessed, facts.frequency),
        ),
    )


class _Finder:
    """One column after the other, of whoever has the first word."""

    def __init__(self, names: Sequence[tuple[str, str]], asked: OrdersAsked) -> None:
        self.count = len(names)
        self.defaults = asked.defaults
        self.items: list[tuple[int, Item]] = []
        if not asked.items:
            return
        place = {(store, sku): row for row, (store, sku) in enumerate(names)}
        for item in asked.items:
            row = place.get((item.store, item.sku))
            if row is None:
                raise Unknown(
                    f"there is no forecast of {item.sku!r} in {item.store!r}", hint="ask for series that were ever sold"
                )
            self.items.append((row, item))

    def __call__(self, name: str, known: Numbers | float) -> Numbers:
        default = getattr(self.defaults, name)
        found = np.array(np.broadcast_to(known if default is None else default, self.count), np.float64)
        return self._own(found, lambda item: getattr(item, name))

    def given(self, name: str) -> Bools:
        found = np.full(self.count, getattr(self.defaults, name) is not None)
        for row, item in self.items:
            found[row] |= getattr(item, name) is not None
        return found

    def service(self) -> Numbers:
        """An item that puts a price on shortage has no service level of its own."""
        default = self.defaults.service or SERVICE
        return self._own(np.full(self.count, default, np.float64), lambda item: item.service)

    def shortage(self) -> Numbers:
        """NaN where a service level is asked for."""
        default = np.nan if self.defaults.shortage is None else self.defaults.shortage
        found = self._own(np.full(self.count, default, np.float64), lambda item: item.shortage)
        return self._own(found, lambda item: None if item.service is None else np.nan)

    def _own(self, found: Numbers, said: Callable[[Item], float | None]) -> Numbers:
        for row, item in self.items:
            if (own := said(item)) is not None:
                found[row] = own
        return found


def _terms(find: _Finder, packs: Numbers, whole: bool) -> Terms:
    """Whole units where nothing was ever sold in parts and no pack is known."""
    pack = find("pack", packs)
    alone = np.isnan(pack)
    packed = not alone.all() or whole
    return Terms(
        minimum=_tensor(find("minimum", 0.0)) if find.given("minimum").any() else None,
        pack=_tensor(np.where(alone, 1.0 if whole else SLIVER, pack)) if packed else None,
        maximum=_tensor(find("maximum", FAR)) if find.given("maximum").any() else None,
        capacity=_tensor(find("capacity", FAR)) if find.given("capacity").any() else None,
    )


def _leads(find: _Finder, rows: npt.NDArray[np.int64], facts: Facts) -> tuple[npt.NDArray[np.float32], Ints]:
    """The chances that are used, each once, and which of them are whose."""
    row = facts.lead_row[rows].astype(np.int64)
    more: list[npt.NDArray[np.float32]] = []
    place: dict[tuple[float, ...] | float, int] = {}

    def put(asked: ItemTerms) -> int | None:
        if asked.lead_time_chances is None and asked.lead_time is None:
            return None
        key = asked.lead_time if asked.lead_time_chances is None else tuple(asked.lead_time_chances)
        assert key is not None
        if key not in place:
            place[key] = len(facts.lead_table) + len(more)
            more.append(split(key) if isinstance(key, float) else np.array(key, np.float32) / np.float32(sum(key)))
        return place[key]

    if (default := put(find.defaults)) is not None:
        row[:] = default
    for at, item in find.items:
        if (own := put(item)) is not None:
            row[at] = own
    used, lead = np.unique(row, return_inverse=True)
    width = max([facts.lead_table.shape[1], *(len(one) for one in more)])
    table = np.zeros((len(used), width), np.float32)
    for new, old in enumerate(used.tolist()):
        one = facts.lead_table[old] if old < len(facts.lead_table) else more[old - len(facts.lead_table)]
        table[new, : len(one)] = one
    last = int(np.flatnonzero(table.sum(axis=0)).max(initial=0))
    if last > LONGEST:
        raise FigureRefused(f"a lead time of {last} periods", hint=f"give one of {LONGEST} or less")
    return table[:, : last + 1], lead


def _tensor(column: Numbers) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(column))
