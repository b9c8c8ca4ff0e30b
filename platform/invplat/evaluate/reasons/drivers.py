"""Drivers: columns and periods under the names that a person thinks in. Knows nothing of how they were judged."""

from __future__ import annotations

import re

from invplat.evaluate.reasons.origins import AHEAD, ID, OTHER, PAST, STATIC, Origin

# Of past demand: the last periods, those before, and all earlier ones.
SPANS = {"daily": (7, 28), "weekly": (4, 13), "monthly": (3, 12)}
PERIOD = {"daily": "day", "weekly": "week", "monthly": "month"}
CALENDAR = r"(month|week_of_year|day_of_week|day_of_month)(_sin|_cos)?|weekend|payday"
SUMS = r"(lag|mean|std|min|max|quantile|weighted)_.*"
PATTERN = "sale_since|age|zero_share|interval|variation|smooth|erratic|intermittent|lumpy|season"
GROUPS = (
    (CALENDAR, "calendar"),
    (r"(holiday|event).*", "holidays and events"),
    (r"(promotion|discount).*", "promotion"),
    (r"price.*", "price"),
    (r"(observed|censored|available|on_hand|on_order|stock).*", "empty shelves and gaps"),
    (rf"({SUMS})|({PATTERN})", "how it usually sells"),
    (r"phases?(_.*)?|last_year.*", "the same days of past seasons"),
    (r"(store|category)_trend", "trend of store and category"),
    (r"returned.*", "returns"),
    (r"step", "how far ahead"),
    (r"(lead|vlt|wait).*|points|own|arrives|until", "lead times"),  # as nets that decide call them
    (r"reviews?|ratio", "review period and costs"),
)


def driver(origin: Origin, frequency: str) -> str:
    """The driver that a number belongs to."""
    if origin.kind == ID:
        return f"which {origin.column} it is"
    if origin.kind == PAST and origin.column == "demand":
        return f"demand {span(origin.offset, frequency)}"
    if origin.column.startswith("signal_"):
        return _known(origin.column.removeprefix("signal_"))
    for pattern, group in GROUPS:
        if re.fullmatch(pattern, origin.column):
            return group
    if origin.kind == OTHER:
        return origin.column
    return f"attribute {_known(origin.column)}" if origin.kind == STATIC else _known(origin.column)


def detail(origin: Origin, frequency: str) -> str:
    """Finer: the column, and roughly when."""
    if origin.kind in (ID, STATIC, OTHER):
        return driver(origin, frequency)
    if origin.kind == AHEAD and origin.offset is not None and origin.offset > 0:
        return f"{origin.column}, in the horizon"
    return f"{origin.column} {span(origin.offset, frequency)}"


def span(offset: int | None, frequency: str) -> str:
    if offset is None:
        return "of the past"
    near, middle = SPANS[frequency]
    unit = PERIOD[frequency]
    ago = 1 - offset  # from the first period of the horizon
    if ago < 1:
        return "in the horizon"
    if ago <= near:
        return f"1–{near} {unit}s ago"
    return f"{near + 1}–{middle} {unit}s ago" if ago <= middle else f"more than {middle} {unit}s ago"


def _known(column: str) -> str:
    return column.removesuffix("_known").replace("_", " ")
