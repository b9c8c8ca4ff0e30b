"""The canonical tables: what every business's files become.

Knows names, kinds and which rule guards a column; knows nothing about files or engines.
Long format, one row a fact. Only `sales` is required; whatever is missing costs features, not a crash.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["name", "date", "number", "flag", "text"]
Combine = Literal["sum", "mean", "weighted", "max", "min", "last"]


@dataclass(frozen=True)
class Column:
    name: str
    kind: Kind
    required: bool = False
    combine: Combine = "last"  # how several rows of one key become one
    negative: Literal["keep", "return", "unknown", "quarantine"] = "keep"  # what a value below zero means
    zero: Literal["keep", "unknown"] = "keep"  # a price of zero says "not known"
    about: str = ""


@dataclass(frozen=True)
class Table:
    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    by_store: bool  # stored one folder a store
    extras: bool = False  # further numeric columns of the business are kept as covariates
    future: bool = False  # dates after today are plans, not mistakes
    about: str = ""

    def column(self, name: str) -> Column | None:
        return next((c for c in self.columns if c.name == name), None)

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns if c.required)


SALES = Table(
    "sales",
    ("store", "sku", "date"),
    (
        Column("store", "name", required=True),
        Column("sku", "name", required=True),
        Column("date", "date", required=True),
        Column(
            "quantity",
            "number",
            required=True,
            combine="sum",
            negative="return",
            about="units sold; below zero is a return",
        ),
        Column("returned", "number", combine="sum", about="units brought back, kept apart from demand"),
        Column("price", "number", combine="weighted", negative="unknown", zero="unknown", about="price of a unit"),
        Column("promotion", "number", combine="max", about="0 or 1, or how many items of it were promoted"),
        Column("discount", "number", combine="mean", about="share taken off the price, 0 to 1"),
        Column(
            "available",
            "number",
            combine="min",
            about="share of the period in stock; below 1 the sale is censored demand",
        ),
    ),
    by_store=True,
    extras=True,
    about="what was sold",
)
STOCK = Table(
    "stock",
    ("store", "sku", "date"),
    (
        Column("store", "name", required=True),
        Column("sku", "name", required=True),
        Column("date", "date", required=True),
        Column(
            "on_hand",
            "number",
            required=True,
            combine="last",
            about="units on the shelf at the day's end; below zero is backlog",
        ),
        Column("on_order", "number", combine="last", negative="quarantine"),
    ),
    by_store=True,
    about="what was on the shelf",
)
RECEIPTS = Table(
    "receipts",
    ("store", "sku", "ordered_on", "received_on"),
    (
        Column("store", "name", required=True),
        Column("sku", "name", required=True),
        Column("ordered_on", "date", required=True),
        Column("received_on", "date", required=True),
        Column("quantity", "number", required=True, combine="sum", negative="quarantine"),
        Column("unit_cost", "number", combine="weighted", negative="unknown", zero="unknown"),
        Column("supplier", "text", combine="last"),
    ),
    by_store=True,
    about="what was ordered and came: the source of lead times",
)
PRODUCTS = Table(
    "products",
    ("sku",),
    (
        Column("sku", "name", required=True),
        Column("name", "text"),
        Column("category", "text"),
        Column("brand", "text"),
        Column("supplier", "text"),
        Column("unit_cost", "number", negative="unknown", zero="unknown"),
        Column("price", "number", negative="unknown", zero="unknown"),
        Column("size", "number", negative="unknown", zero="unknown", about="millilitres, grams or pieces of one unit"),
        Column("pack", "number", negative="unknown", zero="unknown", about="units ordered at a time"),
        Column("shelf_life", "number", negative="unknown", about="days"),
    ),
    by_store=False,
    extras=True,
    about="what is sold",
)
STORES = Table(
    "stores",
    ("store",),
    (
        Column("store", "name", required=True),
        Column("city", "text"),
        Column("region", "text"),
        Column("type", "text"),
        Column("size", "number", negative="unknown", zero="unknown", about="floor area"),
    ),
    by_store=False,
    extras=True,
    about="where it is sold",
)
EVENTS = Table(
    "events",
    ("date", "name", "store", "region"),
    (
        Column("date", "date", required=True),
        Column("name", "name", required=True),
        Column("store", "text", about="only this store; empty: see region"),
        Column("region", "text", about="only stores of this city or region; empty: everywhere"),
        Column("kind", "text", about="holiday, campaign, …"),
    ),
    by_store=False,
    future=True,
    about="holidays and campaigns",
)
SIGNALS = Table(
    "signals",
    ("date", "name", "store"),
    (
        Column("date", "date", required=True),
        Column("name", "name", required=True),
        Column("value", "number", required=True, combine="mean"),
        Column("store", "text", about="only this store; empty: everywhere"),
    ),
    by_store=False,
    future=True,
    about="weather, oil, prices at large, trends",
)
INVOICES = Table(
    "invoices",
    ("supplier", "number"),
    (
        Column("supplier", "name", required=True),
        Column("number", "name", required=True),
        Column("ordered_on", "date", required=True),
        Column("invoiced_on", "date"),
        Column("paid_on", "date"),
        Column("quantity", "number", combine="sum", negative="quarantine"),
        Column("amount", "number", combine="sum", negative="unknown"),
        Column(
            "freight", "number", combine="sum", negative="unknown", about="the source of what placing an order costs"
        ),
    ),
    by_store=False,
    about="suppliers' invoices",
)

TABLES: dict[str, Table] = {t.name: t for t in (SALES, STOCK, RECEIPTS, PRODUCTS, STORES, EVENTS, SIGNALS, INVOICES)}
