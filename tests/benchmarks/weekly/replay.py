"""The game: six orders, a lead time of two full weeks, lost sales, costs of weeks 3 to 8.

Week 0 is the last one known at the start; shelves are empty and nothing is on its way. An order placed at the end of
week w arrives at the start of week w + 3, before that week's demand. The demand of a week out of stock in the record is
its sales, which are 0: nobody can say what it would have been. What a rule sees of the weeks that have been played is
either the record, or only what its own shelves let it sell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from weekly.record import Floats, Record

LEAD, ORDERS, LAST = 3, 6, 8
HOLDING, SHORTAGE = 0.2, 1.0
STARTS = tuple(range(85, 150, 8))


@dataclass(frozen=True)
class View:
    """All that a rule knows at the end of a week."""

    week: int  # of the game, from 0
    record: Record  # up to this week
    on_hand: Floats
    coming: Floats  # series × weeks: what arrives at the start of each week after this one

    @property
    def position(self) -> Floats:
        return np.asarray(self.on_hand + self.coming.sum(1))


class Rule(Protocol):
    def order(self, view: View) -> Floats:
        """Whole units, one number a series."""
        ...


@dataclass(frozen=True)
class Played:
    orders: Floats  # series × orders
    held: Floats  # series × weeks 1 to 8, at the week's end
    short: Floats
    sold: Floats
    received: Floats

    @property
    def cost(self) -> float:
        counted = slice(LEAD - 1, LAST)
        return float(HOLDING * self.held[:, counted].sum() + SHORTAGE * self.short[:, counted].sum())


def play(record: Record, start: int, rule: Rule, *, till: bool) -> Played:
    """`till`: a rule sees its own sales of the weeks played; else the record's, as the published policy does."""
    series = len(record.sales)
    on_hand = np.zeros(series)
    coming = np.zeros((series, LAST + 1))  # by week of arrival
    orders = np.zeros((series, ORDERS))
    held, short, sold = (np.zeros((series, LAST)) for _ in range(3))
    own = record.until(start)
    for week in range(LAST + 1):
        if week:
            demand = record.sales[:, start + week - 1]
            on_hand = on_hand + coming[:, week]
            sold[:, week - 1] = np.minimum(demand, on_hand)
            short[:, week - 1] = demand - sold[:, week - 1]
            on_hand = on_hand - sold[:, week - 1]
            held[:, week - 1] = on_hand
            own = _after(own, record, sold[:, week - 1], on_hand) if till else record.until(start + week)
        if week < ORDERS:
            view = View(week, own, on_hand.copy(), coming[:, week + 1 : week + LEAD].copy())
            orders[:, week] = _whole(rule.order(view))
            coming[:, week + LEAD] = orders[:, week]
    return Played(orders, held, short, sold, coming[:, 1:])


def mean_cost(record: Record, rules: Sequence[Rule], starts: Sequence[int], *, till: bool) -> list[float]:
    """Of each start, played by its own rule."""
    return [play(record, start, rule, till=till).cost for start, rule in zip(starts, rules, strict=True)]


def _after(own: Record, record: Record, sold: Floats, left: Floats) -> Record:
    """A week in which the shelf was emptied only says that demand was no less than was sold."""
    week = own.known
    seen = record.seen[:, week] & (left > 0)
    return replace(own, sales=np.column_stack([own.sales, sold]), seen=np.column_stack([own.seen, seen]))


def _whole(order: Floats) -> Floats:
    if not np.array_equal(order, np.rint(order)) or order.min() < 0:
        raise ValueError("a rule's orders are whole units, none below zero")
    return order
