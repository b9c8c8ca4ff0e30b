"""Sentences on what had to be assumed, and of how many series. Knows who is concerned, not where figures are from."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from invplat.core.page.wording import number, percent, plural
from invplat.evaluate.insights.assumptions import Assumptions
from invplat.serve.lead_chances import assumed_days

Bools = npt.NDArray[np.bool_]


def money_notes(
    unit_cost: npt.NDArray[np.float64], price: npt.NDArray[np.float64], cost_assumed: Bools, price_assumed: Bools
) -> tuple[str, ...]:
    margin = Assumptions().margin
    return _said(
        (np.isnan(unit_cost) & np.isnan(price), "neither price nor cost is known of {}: give products a unit_cost"),
        (cost_assumed, f"no cost is known of {{}}: counted at {percent(1 - margin)} of the price"),
        (price_assumed, f"no price is known of {{}}: counted as cost and a margin of {percent(margin)}"),
    )


def stock_notes(unknown: Bools, stale: Bools) -> tuple[str, ...]:
    return _said(
        (unknown, "stock is not known of {}: counted as none on hand"),
        (stale, "the last count of {} is too old to say what is there today"),
    )


def lead_notes(assumed: Bools, frequency: str) -> tuple[str, ...]:
    days = number(round(assumed_days(frequency)))
    return _said((assumed, f"no receipts tell the lead time of {{}}: {days} days assumed"))


def _said(*notes: tuple[Any, str]) -> tuple[str, ...]:
    counts = [(int(concerned.sum()), sentence) for concerned, sentence in notes]
    return tuple(sentence.format(plural(count, "series", "series")) for count, sentence in counts if count)
