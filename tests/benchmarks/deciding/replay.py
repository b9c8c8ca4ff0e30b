"""The published replay: a SKU's orders one after another on one shelf, and what the levels from each arrival on cost.

Every order but a SKU's last drops its final day, before anything else is done with its days. All SKUs advance together,
one order of each at a time: where in the record an order looks up its level depends on days alone, never on quantities,
so the places are found once and a replay of any number of policies is a few array operations.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deciding.orders import Numbers, Places

HOLDING, SHORTAGE = 1.0, 9.0


class Replay:
    """Knows nothing of how levels are chosen. `levels` come as (..., orders) and costs go in the same shape."""

    def __init__(self, sku: Sequence[str], initial_stock: Numbers, demand: Sequence[Numbers], lead: Places) -> None:
        names = list(dict.fromkeys(sku))
        number = {name: place for place, name in enumerate(names)}
        self.names = names
        self.owner = np.array([number[name] for name in sku], np.int64)
        mine: list[list[int]] = [[] for _ in names]
        for order, name in enumerate(sku):
            mine[number[name]].append(order)
        count, days = len(sku), max(len(one) for one in demand)
        self.counts = np.zeros((count, days), bool)  # day k after an arrival is one of the order's days
        self.sold = np.zeros((count, days))  # demand from the arrival up to and with day k
        self._measured, self._last = _Look(count), _Look(count)  # the level an order sees; the one it arrives at
        for orders in mine:
            record: list[tuple[float, int]] = []  # a level known beforehand, or the place of one that policies decide
            for turn, order in enumerate(orders):
                kept = demand[order] if order == orders[-1] else demand[order][:-1]
                wait = int(lead[order])
                if turn == 0:
                    record = [(initial_stock[order], -1)]
                    record += [(initial_stock[order] - sum_, -1) for sum_ in np.cumsum(kept[:wait])]
                    self._measured.put(order, record[0])
                else:
                    self._measured.put(order, record[-1 - wait] if len(record) > wait else record[1])
                self._last.put(order, record[-1])
                after = np.cumsum(kept[wait:])
                self.counts[order, : len(after)] = True
                self.sold[order, : len(after)] = after
                record += [(np.nan, order * days + day) for day in range(len(after))]
        longest = max(len(orders) for orders in mine)
        self._turns = [np.array([orders[turn] for orders in mine if len(orders) > turn]) for turn in range(longest)]

    def starts(self, levels: Numbers, *, whole: bool = True) -> Numbers:
        """What an order leaves on the shelf at its arrival, before that day's demand."""
        asked = np.asarray(levels, np.float64)
        flat = asked.reshape(-1, asked.shape[-1])
        start = np.zeros_like(flat)
        days = self.sold.shape[1]
        shelf = np.zeros((len(flat), asked.shape[-1] * days))
        for orders in self._turns:
            wanted = flat[:, orders] - self._measured.at(orders, shelf)
            replenished = np.rint(wanted) if whole else wanted
            start[:, orders] = np.maximum(self._last.at(orders, shelf), 0.0) + replenished
            shelf.reshape(len(flat), -1, days)[:, orders] = start[:, orders, None] - self.sold[orders]
        return start.reshape(asked.shape)

    def order_costs(self, levels: Numbers) -> Numbers:
        shelf = self.starts(levels)[..., None] - self.sold
        each: Numbers = np.where(shelf > 0, HOLDING * shelf, -SHORTAGE * shelf)
        return np.asarray((each * self.counts).sum(axis=-1))

    def costs(self, levels: Numbers) -> Numbers:
        """Of each SKU: (..., SKUs), in the order in which they first come."""
        each = self.order_costs(levels)
        total = np.zeros((each.size // each.shape[-1], len(self.names)))
        for row, of_orders in zip(total, each.reshape(-1, each.shape[-1]), strict=True):
            np.add.at(row, self.owner, of_orders)
        return total.reshape(*each.shape[:-1], len(self.names))


class _Look:
    """For each order one entry of the record: a number, or the place of a level on the shelf."""

    def __init__(self, count: int) -> None:
        self._number = np.zeros(count)
        self._place = np.full(count, -1)

    def put(self, order: int, entry: tuple[float, int]) -> None:
        self._number[order], self._place[order] = entry

    def at(self, orders: Places, shelf: Numbers) -> Numbers:
        place = self._place[orders]
        return np.where(place >= 0, shelf[:, place], self._number[orders])
