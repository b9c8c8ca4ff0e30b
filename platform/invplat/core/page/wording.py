"""Numbers, shares and dates as people read them, and text from outside made harmless. Knows no dataset."""

from __future__ import annotations

import unicodedata
from datetime import date

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
FULL_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
STEPS = ((1e12, "T"), (1e9, "bn"), (1e6, "M"), (1e3, "k"))
WRITTEN_OUT = 1e4  # smaller numbers are as short without a letter


def number(value: float) -> str:
    """Thousands separated; only as many decimals as say something."""
    size = abs(value)
    if size >= 100 or value == int(value):
        return f"{value:,.0f}"
    if size >= 1:
        return f"{value:.1f}"
    return f"{value:.2g}" if size >= 0.001 else f"{value:.0e}".replace("e-0", "e-")


def compact(value: float) -> str:
    """For axes and narrow places: 12.5k, 3M."""
    for step, letter in STEPS:
        if abs(value) >= max(step, WRITTEN_OUT):
            scaled = value / step
            return f"{scaled:,.0f}{letter}" if abs(scaled) >= 99.5 else f"{scaled:.3g}{letter}"
    return number(value)


def percent(share: float) -> str:
    hundred = 100 * share
    if hundred == int(hundred):
        return f"{hundred:.0f} %"
    if 0 < hundred < 0.01:
        return "< 0.01 %"
    if 99.9 < hundred < 100:
        return "> 99.9 %"
    if hundred < 1:
        return f"{hundred:.2f} %"
    return f"{hundred:.1f} %" if hundred < 10 else f"{hundred:.0f} %"


def plural(count: float, noun: str, many: str = "") -> str:
    return f"{number(count)} {noun if count == 1 else many or noun + 's'}"


def day(iso: str) -> str:
    if not iso:
        return "–"
    found = date.fromisoformat(iso)
    return f"{found.day} {MONTHS[found.month - 1]} {found.year}"


def harmless(text: str) -> str:
    """Characters that move the cursor, or turn the writing direction of what follows, become visible dots."""
    return "".join("·" if unicodedata.category(letter) in ("Cc", "Cs") or _turns(letter) else letter for letter in text)


def short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _turns(letter: str) -> bool:
    return "\u202a" <= letter <= "\u202e" or "\u2066" <= letter <= "\u2069"
