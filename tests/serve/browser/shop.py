"""Made-up items: a level, a swing over the week, stock and terms, and the orders and the past that follow from them."""

from __future__ import annotations

import math
from datetime import date, timedelta
from statistics import NormalDist
from typing import Any

import numpy as np

ITEMS, HORIZON, PAST = 5000, 28, 240
LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
Z = (-1.64, -1.28, -0.67, 0.0, 0.67, 1.28, 1.64)
TODAY = date.today() - timedelta(days=1)
NASTY = (
    "<img src=x onerror=alert(1)>",
    "'; DROP TABLE sales; --",
    "=HYPERLINK(0)",
    "a/b#c?d&e=%20",
    "<script>document.title='owned'</script>",
    'Müsli „Bio" 500 g',
)
STORES = ("Bergen", "Łódź Centrum", "Porto", "Turku Harbour", "<b>Utrecht</b>")
CATEGORIES = ("Bakery", "Dairy", "Household", "Produce", "Drinks", "<i>Frozen</i> & chilled", "Snacks", "Pet care")


class Shop:
    """Items with a level, a swing over the week, stock and terms."""

    def __init__(self, items: int = ITEMS) -> None:
        rng = np.random.default_rng(6)
        self.level = np.round(rng.lognormal(1.4, 1.1, items), 3)
        self.swing = rng.uniform(0.1, 0.6, items)
        self.price = np.round(rng.lognormal(1.5, 0.7, items) + 0.49, 2)
        self.lead = rng.choice([2, 3, 5, 7, 14], items)
        self.stock = np.round(self.level * rng.gamma(2.0, 6.0, items))
        self.coming = np.where(rng.random(items) < 0.1, np.round(self.level * 5), 0.0)
        self.unknown = rng.random(items) < 0.03
        self.unpriced = rng.random(items) < 0.02
        self.stale = rng.random(items) < 0.015
        self.names = [
            (
                STORES[row % len(STORES)],
                NASTY[row // 5 % len(NASTY)] if row < 30 else f"{'ABCDEFGH'[row % 8]}-{10_000 + row * 7 % 90_000}",
                None if row % 97 == 11 else CATEGORIES[row % 8],
            )
            for row in range(items)
        ]
        self.rows = {(store, sku): row for row, (store, sku, _) in enumerate(self.names)}

    def mean(self, row: int, plan: dict[str, Any] | None, horizon: int = HORIZON) -> list[float]:
        lift = 1.0
        if plan:
            lift *= (1 + (plan.get("price_change") or 0.0)) ** -1.8
            lift *= 1.6 if plan.get("promotion") else 1.0
        week = [
            1 + self.swing[row] * math.sin((TODAY.toordinal() + 1 + day) * 2 * math.pi / 7) for day in range(horizon)
        ]
        return [round(float(self.level[row] * each * lift), 4) for each in week]

    def order(self, row: int, terms: dict[str, Any], plan: dict[str, Any] | None) -> dict[str, Any]:
        store, sku, category = self.names[row]
        lead = float(self.lead[row]) if terms.get("lead_time") is None else terms["lead_time"]
        service, review = terms.get("service") or 0.95, 7
        per = float(np.mean(self.mean(row, plan)))
        spread = math.sqrt(per * 1.6 * (lead + review) + 0.05 * (per * (lead + review)) ** 2)
        safety = NormalDist().inv_cdf(service) * spread
        unknown = bool(self.unknown[row])
        on_hand = 0.0 if unknown else float(self.stock[row])
        coming = float(self.coming[row])
        level = per * (lead + review) + safety
        order = max(0.0, math.ceil(level - on_hand - coming))
        risk = _above((on_hand + coming - per * (lead + review)) / spread)
        after = _above((on_hand + coming + order - per * (lead + review)) / spread)
        price = None if self.unpriced[row] else float(self.price[row])
        cost = None if price is None else round(price * 0.62, 2)
        lost = max(0.0, per * (lead + review) - on_hand - coming) * risk
        exceptions = [
            name
            for name, holds in (
                ("stockout", risk > 0.5 and not unknown),
                ("overstock", on_hand > 2.2 * level),
                ("stale", bool(self.stale[row])),
                ("stock_unknown", unknown),
            )
            if holds
        ]
        have = "stock is not known and counts as none" if unknown else f"{on_hand:g} on hand"
        what = f"Order {order:g}" if order else "Order nothing"
        return {
            "store": store,
            "sku": sku,
            "category": category,
            "order": order,
            "order_up_to": level,
            "reorder_point": level - per * review,
            "safety_stock": safety,
            "eoq": None if cost is None else math.sqrt(2 * per * 5 / (0.25 / 365 * cost)),
            "on_hand": on_hand,
            "on_order": coming,
            "lead_time": lead,
            "review": review,
            "service_level": service,
            "mean_demand": per * (lead + review),
            "per_period": per,
            "cover": (on_hand + coming) / per,
            "stockout_risk": risk,
            "stockout_risk_after": after,
            "expected_cost": None if cost is None else round(0.01 * cost * level + cost * spread * 0.05, 2),
            "unit_cost": cost,
            "price": price,
            "order_value": None if cost is None else order * cost,
            "money_at_risk": None if price is None or cost is None else round(lost * (price - cost), 2),
            "exceptions": exceptions,
            "reason": f"{what}: {have} last {(on_hand + coming) / per:.1f} days, the next delivery takes {lead:g} "
            f"days; {order:g} more keep it in stock with a chance of {1 - after:.0%}.",
        }


def _above(gap: float) -> float:
    return 0.5 * math.erfc(gap / math.sqrt(2))


def fan(mean: list[float], share: float) -> list[list[float]]:
    width = [share * each * (1 + 0.35 * day / HORIZON) + (0.2 if share > 0.2 else 0) for day, each in enumerate(mean)]
    return [[max(0.0, each + z * wide) for z in Z] for each, wide in zip(mean, width, strict=True)]


def past(shop: Shop, row: int, periods: int) -> dict[str, Any]:
    rng = np.random.default_rng(row)
    days = [TODAY - timedelta(days=PAST - 1 - day) for day in range(PAST)][-periods:]
    week = np.array([1 + shop.swing[row] * math.sin(day.toordinal() * 2 * math.pi / 7) for day in days])
    promotion = np.array([day.toordinal() // 7 % 9 == 0 for day in days])
    wanted = rng.poisson(shop.level[row] * week * np.where(promotion, 1.6, 1.0)).astype(float)
    top = shop.level[row] * (shop.lead[row] + 14)
    stock, held = top * 0.8, []
    for day, each in enumerate(wanted.tolist()):
        stock -= min(stock, each)
        if day % 7 == row % 7 and stock < top * 0.7:
            stock += round(top - stock)
        held.append(stock)
    shift = max(0.0, held[-1] - float(shop.stock[row]))
    last = [max(0.0, each - shift * (index / len(held)) ** 6) for index, each in enumerate(held)]
    last[-1] = float(shop.stock[row])
    censored = [each <= 0 for each in held]
    gap = range(40, 44)
    return {
        "dates": days,
        "demand": [None if day in gap else each for day, each in enumerate(wanted.tolist())],
        "on_hand": [None if shop.unknown[row] or day in gap else round(each) for day, each in enumerate(last)],
        "price": [None if shop.unpriced[row] else float(shop.price[row])] * len(days),
        "promotion": promotion.tolist(),
        "censored": censored,
    }
