"""A small shop in memory: two stores, weekdays that differ, one product that begins late, one that never sold."""

from __future__ import annotations

import random
from typing import Any

from invplat.data.dataset import Dataset
from tests.data.memory import day, memory_dataset, sales

DAYS = 140
TINY = {"hidden_one": 25, "hidden_two": 25}


def shop(*, days: int = DAYS, seed: int = 0, spoilt_after: int | None = None) -> Dataset:
    """With `spoilt_after`, everything after that day is garbage."""
    draw, spoil = random.Random(seed), random.Random(seed + 1)
    rows: list[dict[str, Any]] = []
    for store in ("s1", "s2"):
        for number, (sku, launch) in enumerate((("a", 0), ("b", 0), ("c", days // 2), ("dead", 0))):
            quantities: list[float | None] = []
            for moment in range(launch, days):
                usual = (
                    0.0
                    if sku == "dead"
                    else draw.randrange(3 + 2 * number, 6 + 4 * number) * (2 if moment % 7 > 4 else 1)
                )
                spoilt = spoilt_after is not None and moment > spoilt_after
                quantities.append(float(spoil.randrange(10**6)) if spoilt else usual)
            rows += sales(sku, quantities, store=store, first=launch, price=2.0 + number)
    products = [
        {"sku": sku, "category": "xy"[number % 2], "unit_cost": 1.0 + number} for number, sku in enumerate("abc")
    ]
    receipts = [
        {"store": "s1", "sku": "a", "ordered_on": day(start), "received_on": day(start + 3), "quantity": 9.0}
        for start in range(0, days - 10, 14)
    ]
    return memory_dataset({"sales": rows, "products": products, "receipts": receipts})
