"""An insight: one thing that a retailer's owner would want to be told, with the rows and the money it is about.

Money has no currency here: it is in whatever the business's own costs and prices are in. Knows no dataset.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

Severity = Literal["high", "medium", "low", "none"]
HIGH, MEDIUM = 0.01, 0.001  # shares of a year's sales, from which money is a lot, or worth a look


@dataclass(frozen=True)
class Money:
    """What is at stake; None where costs and prices are not known."""

    amount: float | None
    counted: str  # how, in a sentence's end: "holding it for a year at 25 % of its cost"
    per: Literal["once", "year"] = "once"


@dataclass(frozen=True)
class Insight:
    name: str  # as --only takes it
    title: str
    sentence: str  # plain words with the figures
    money: Money
    rows: pl.DataFrame  # whole, the most important first; names stores, SKUs, suppliers
    thresholds: tuple[str, ...]  # what had to hold for a row to be here
    lacking: tuple[str, ...] = ()  # what could not be had, and what would be needed
    act: bool = True  # something to mend; False: something to know
    severity: Severity = "none"
    as_of: str = ""  # the last day anything was known of

    @property
    def known(self) -> bool:
        """False where the insight could not be had at all; `lacking` says why."""
        return self.sentence != ""

    def to_dict(self, limit: int | None = None) -> dict[str, Any]:
        rows = self.rows if limit is None else self.rows.head(limit)
        return {
            "name": self.name,
            "title": self.title,
            "sentence": self.sentence,
            "as_of": self.as_of,
            "severity": self.severity,
            "act": self.act,
            "money": {"amount": self.money.amount, "per": self.money.per, "counted": self.money.counted},
            "rows_in_all": len(self.rows),
            "rows": rows.to_dicts(),
            "thresholds": list(self.thresholds),
            "lacking": list(self.lacking),
        }


def severity(amount: float | None, yearly_sales: float) -> Severity:
    """By money, beside what the business sells in a year."""
    if amount is None or amount <= 0:
        return "none"
    share = amount / yearly_sales if yearly_sales > 0 else 1.0
    return "high" if share >= HIGH else "medium" if share >= MEDIUM else "low"


def ranked(found: list[Insight]) -> list[Insight]:
    """What to mend first, by money; then what to know, by money; then what could not be had."""
    return sorted(found, key=lambda one: (not one.known, not one.act, -(one.money.amount or 0.0), one.name))


def unknown(name: str, title: str, lacking: tuple[str, ...], *, act: bool = True) -> Insight:
    return Insight(name, title, "", Money(None, "not known"), pl.DataFrame(), (), lacking, act)
