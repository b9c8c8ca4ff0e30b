"""Why so much is ordered, in one plain sentence with the figures. Knows only the columns that it is given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from invplat.core.page.wording import number

UNITS = {"daily": ("day", "days"), "weekly": ("week", "weeks"), "monthly": ("month", "months")}
LONG = 365  # periods of cover beyond which nobody counts


def reasons(frequency: str, rows: npt.NDArray[np.int64], **columns: npt.NDArray[Any]) -> Iterator[str]:
    """Of each of these rows."""
    unit = UNITS[frequency]
    names = tuple(columns)
    chosen = [columns[name][rows].tolist() for name in names]
    for values in zip(*chosen, strict=True):
        yield _sentence(unit, **dict(zip(names, values, strict=True)))


def _sentence(
    unit: tuple[str, str],
    *,
    order: float,
    free: float,
    wanted: float,
    on_hand: float,
    on_order: float,
    unknown: bool,
    counted: float,
    cover: float,
    low: int,
    high: int,
    risk: float,
    risk_after: float,
    mean: float,
) -> str:
    old = "" if counted != counted else f" (counted {number(counted)} days ago)"
    have = _have(on_hand, on_order, unknown) + old
    what = f"Order {units(order)}" if order > 0 else "Order nothing"
    if mean < 1e-9:
        return f"{what}: {have}, and no demand is expected."
    one = on_hand == 1 and on_order <= 0 and not old
    lasts = _lasts(on_hand + on_order, cover, unit, "lasts" if one else "last")
    coming = _coming(low, high, "" if lasts else " " + unit[high != 1])
    start = f"{what}: {have}{lasts}, {coming}"
    if order > 0:
        keep = "keeps" if order == 1 else "keep"
        kept = f"{units(order)} more {keep} it in stock with a chance of {chance(1 - risk_after)}"
        if order < free - 1e-6:
            return f"{start}; {kept}, {units(free)} would be right but for the budget."
        if order < wanted - 1e-6:
            return f"{start}; {kept}, no more may be ordered."
        return f"{start}; {kept}."
    if free > 1e-6:
        return f"{start}; {units(free)} would be right, but the budget goes where it saves more."
    if wanted > 1e-6:
        return f"{start}; {units(wanted)} are wanted, but minimum, maximum or capacity allow none."
    return f"{start}; enough until the next order could arrive, with a chance of {chance(1 - risk)}."


def _have(on_hand: float, on_order: float, unknown: bool) -> str:
    if unknown:
        told = "stock is not known and counts as none"
        return told if on_order <= 0 else f"{told}, {units(on_order)} on order"
    if on_order > 0:
        return f"{units(on_hand) if on_hand > 0 else 'none'} on hand and {units(on_order)} on order"
    return f"{units(on_hand)} on hand" if on_hand > 0 else "none on hand or on order"


def _lasts(position: float, cover: float, unit: tuple[str, str], verb: str) -> str:
    if position <= 0:
        return ""
    if cover > LONG:
        return f" {verb} more than {LONG} {unit[1]}"
    shown = number(round(cover, 1) if cover < 10 else round(cover))
    return f" {verb} {shown} {unit[shown != '1']}"


def _coming(low: int, high: int, unit: str) -> str:
    if high == 0:
        return "the next delivery comes at once"
    return f"the next delivery takes {low}{unit}" if low == high else f"the next delivery takes {low} to {high}{unit}"


def units(amount: float) -> str:
    if abs(amount - round(amount)) < 1e-6 or amount >= 100:
        return f"{amount:,.0f}"
    return f"{amount:.2f}".rstrip("0").rstrip(".") if amount >= 0.01 else "under 0.01"


def chance(share: float) -> str:
    """Never more certain than it is."""
    hundred = 100 * min(max(share, 0.0), 1.0)
    if hundred > 99.9:
        return "over 99.9 %" if hundred < 100 else "100 %"
    if hundred < 0.1:
        return "under 0.1 %"
    shown = f"{hundred:.1f}" if hundred > 99 or hundred < 1 else f"{hundred:.0f}"
    return f"{shown.removesuffix('.0')} %"
