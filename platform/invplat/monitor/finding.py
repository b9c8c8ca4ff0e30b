"""A finding: one thing about a business that somebody should know, since when, how much, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any

HIGH, MEDIUM, LOW = SEVERITIES = ("high", "medium", "low")
KINDS = {  # in the order of the questions that they answer
    "accuracy_worse": "Forecasts are less right than they were",
    "worse_than_naive": "Forecasts are less right than the seasonal naive",
    "bias": "Forecasts lie on one side",
    "coverage": "Intervals hold less than they promise",
    "residual_drift": "Errors are of another shape than they were",
    "drift": "What the model is told has changed",
    "unseen_skus": "Products that the model has not learnt",
    "stale_data": "No newer data come in",
    "future_data": "Data from the future",
    "silent_store": "A store has fallen silent",
    "zero_sales": "Nothing is sold where something always was",
    "missing_periods": "Days or weeks are missing",
    "tenfold": "Far more than ever",
    "zero_forecast": "Nothing is forecast where something sells",
    "huge_forecast": "Forecasts far above any history",
    "broken_forecast": "Forecasts that are no numbers",
    "lead_times": "Lead times have changed",
}


@dataclass(frozen=True)
class Finding:
    kind: str
    severity: str
    since: str  # ISO date
    sentence: str
    remedy: str
    subject: str = ""  # which store, category, column or supplier; empty: the whole business
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def mark(self) -> str:
        """The same as long as it is the same trouble, just as grave; its figures move from day to day."""
        return f"{self.kind}|{self.subject}|{self.severity}"

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "figures": {name: rounded(value) for name, value in self.figures.items()}}


def rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}") if isfinite(value) else None
    return value


def ordered(found: Sequence[Finding]) -> list[Finding]:
    """The gravest first; the same findings always in the same order."""
    kinds = list(KINDS)
    return sorted(
        found, key=lambda one: (SEVERITIES.index(one.severity), kinds.index(one.kind), one.since, one.subject)
    )


def listed(names: Sequence[str], most: int = 4) -> str:
    """Some names in a sentence."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"
