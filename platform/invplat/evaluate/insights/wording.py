"""Words that several insights share: sums of money, names in a row, and what is said of tables that are not there."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from invplat.core.page.wording import harmless, plural
from invplat.evaluate.insights.facts import Facts

COUNTS = 3  # of one series in the last 13 weeks; fewer tell no history of empty shelves
NEEDED = {
    "stock": "no stock counts of the last weeks: ingest stock with store, sku, date and on_hand",
    "receipts": "no receipts: ingest receipts with store, sku, ordered_on, received_on, quantity and supplier",
    "products.category": "no categories: give products a category",
    "suppliers": "receipts name no supplier: give receipts or products a supplier",
    "availability": "when shelves were empty is not known: ingest stock, or give sales an available column",
    "money": "neither prices nor costs: give products a unit_cost, or sales a price",
}


def money(amount: float) -> str:
    """Whole from a hundred on, with cents below."""
    return f"{amount:,.0f}" if abs(amount) >= 100 else f"{amount:,.2f}"


def some(names: Sequence[str], limit: int = 3) -> str:
    shown = [harmless(name) for name in names[:limit]]
    more = len(names) - limit
    return ", ".join(shown) + (f" and {more:,} more" if more > 0 else "")


def priced(facts: Facts) -> bool:
    """Whether any money can be counted at all."""
    return bool(facts.series["unit_cost"].is_not_null().any())


def total(values: Sequence[float | None], known: bool) -> float | None:
    return float(sum(value for value in values if value is not None)) if known else None


def known_sum(*names: str) -> list[pl.Expr]:
    """Sums that stay unknown where nothing that is added up is known."""
    return [pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum()).alias(name) for name in names]


def worth(amount: float | None, what: str = "worth") -> str:
    """` worth 1,234`, or nothing where money is not known."""
    return "" if amount is None else f" {what} {money(amount)}"


def lacks(facts: Facts, *needs: str) -> tuple[str, ...]:
    """Sentences on those of `needs` that the facts don't hold."""
    there = {
        "stock": not facts.stocked.is_empty(),
        "receipts": "receipts" in facts.has,
        "suppliers": bool((facts.deliveries["supplier"] != "").any()),
        "products.category": "products.category" in facts.has,
        "availability": "sales.available" in facts.has or bool((facts.series["counts"] >= COUNTS).any()),
        "money": priced(facts),
    }
    return tuple(NEEDED[need] for need in needs if not there[need])


def series(count: int) -> str:
    return plural(count, "series", "series")


def skus(count: int) -> str:
    return plural(count, "SKU")
