"""Forecasts, facts and requests made up for orders, and the records that come of them, checked."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import torch

from invplat.serve.facts import Facts
from invplat.serve.lead_chances import split
from invplat.serve.order_schemas import Order, OrdersAsked, OrderTotals
from invplat.serve.orders import Decided, decided
from invplat.serve.said import Said

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
SCORES = torch.special.ndtri(torch.tensor(LEVELS, dtype=torch.float64)).numpy()
DAY = date(2025, 6, 30)
NAN = math.nan


def said(means: Sequence[float], *, deviation: float = 0.2, horizon: int = 14) -> Said:
    """Normal demand of that mean each day, and a deviation of that share of it."""
    mean = np.repeat(np.array(means, np.float32)[:, None], horizon, axis=1)
    quantiles = np.maximum(mean[:, :, None] * (1 + deviation * SCORES), 0).astype(np.float32)
    dates = tuple(DAY + timedelta(days=1 + ahead) for ahead in range(horizon))
    names = [("S1", f"sku {number}") for number in range(len(means))]
    return Said(np.arange(len(means)), names, DAY, dates, LEVELS, mean, quantiles, {}, 1)


def facts(count: int, *, lead: float = 3, **changes: Any) -> Facts:
    def column(name: str, usual: float) -> Any:
        return np.array(np.broadcast_to(changes.pop(name, usual), count), np.float64)

    numbers = {
        name: column(name, usual)
        for name, usual in (
            ("on_hand", 10.0),
            ("on_order", NAN),
            ("counted", 0.0),
            ("unit_cost", 2.0),
            ("price", 5.0),
            ("pack", NAN),
            ("recent", 4.0),
        )
    }
    nothing = np.zeros(count, np.bool_)
    texts = np.array(["tea"] * count, object)
    told: dict[str, Any] = {
        "as_of": DAY,
        "frequency": "daily",
        "correlation": 0.0,
        "whole": True,
        "category": texts,
        "supplier": texts,
        "stale": nothing,
        "cost_assumed": nothing,
        "price_assumed": nothing,
        "lead_table": split(lead)[None],
        "lead_row": np.zeros(count, np.int32),
        "lead_level": np.zeros(count, np.int8),
        **numbers,
        **changes,
    }
    return Facts(**told)


def ask(**wanted: Any) -> OrdersAsked:
    return OrdersAsked.model_validate(wanted)


def item(number: int = 0, **wanted: Any) -> dict[str, Any]:
    return {"store": "S1", "sku": f"sku {number}", **wanted}


def one(means: Sequence[float] = (4,), known: Facts | None = None, **wanted: Any) -> dict[str, Any]:
    """The first item's record, checked against what the answer may hold."""
    return records(decided(said(means), known or facts(len(means)), ask(**wanted)))[0]


def records(found: Decided) -> list[dict[str, Any]]:
    rows = found.records()
    json.dumps(rows, allow_nan=False)
    for row in rows:
        assert Order.model_validate(row).model_dump(mode="json") == row
    OrderTotals.model_validate(found.totals)
    return rows
