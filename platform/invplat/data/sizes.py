"""Bottle and pack sizes as people write them, read as the millilitres that one unit on the till contains.

A pack is one unit: `750mL 4 Pk` and `4/750mL` are 3000. What comes free with it (`750mL + 3/50mL`) is not counted.
Knows texts only; the caller reads each distinct text once. What is not a volume, or can't be told, is None.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

OUNCE, PINT, QUART, GALLON = 29.5735, 473.176, 946.353, 3785.41
_UNITS = (  # longest spelling first; a prefix decides
    ("ml", 1.0),
    ("mil", 1.0),
    ("cl", 10.0),
    ("cent", 10.0),
    ("dl", 100.0),
    ("dec", 100.0),
    ("l", 1000.0),
    ("fl", OUNCE),
    ("o", OUNCE),
    ("g", GALLON),
    ("q", QUART),
    ("p", PINT),
)
_NUMBER = r"\d+(?:[.,]\d+)?|[.,]\d+"
_SIZE = re.compile(
    rf"""
    (?: (?P<count>\d+) \s* (?P<times>[/x×*]) \s* (?=[\d.,]) )?    # 3/100mL, 6 x 330ml, and the 1/ of 1/2 gal
    (?P<amount>{_NUMBER})? \s*
    (?: (?P<part>\d) \s* / \s* (?P<whole>\d) \s* )?               # 8.0 1/2 Pint
    (?P<unit> ml | mill?ilit(?:er|re)s? | cl | centilit(?:er|re)s? | dl | decilit(?:er|re)s?
      | lit(?:er|re)s? | lit | ltrs? | lt | l | fl\.?\s*oz\.? | fluid\s*ounces? | ounces? | oz\.?
      | gal(?:lon)?s? | quarts? | qts? | pints? | pts? | pi | p )
    (?![a-wyz])                                                   # 473mLx4pk: an x may follow
    (?P<rest>.*)
    """,
    re.VERBOSE,
)
_PACK = re.compile(
    r"""
    \s* (?: [x×*] \s* (\d+) (?! [\d.,]* \s* (?:ml|cl|oz|l\b) )                        # 473mL x 4
    | [-–x×*]? \s* (\d+) \s* -? \s* (?:p(?:a?c?ks?)?|b(?:tls?|ottles?)?|cans?|ct)\b )  # 4 Pk, 12PK, - 20P, 12 B
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Size:
    """One bottle, and how many of them make the unit."""

    bottle: float
    count: int = 1

    @property
    def total(self) -> float:
        return self.bottle * self.count


def read_size(text: str | None) -> Size | None:
    """`750mL 4 Pk` is four bottles of 750. None where the text is no volume: `Unknown`, `12`, `Special Pack`."""
    found = _SIZE.fullmatch((text or "").strip().lower())
    if found is None:
        return None
    unit = next(factor for prefix, factor in _UNITS if found["unit"].startswith(prefix))
    if found["amount"] is None and found["unit"] in ("ml", "cl", "dl", "l", "oz", "p", "pi"):
        return None  # a letter with no number says nothing; `Liter` and `Pint` say one
    amount = _number(found["amount"], unit) if found["amount"] else 1.0
    count = 1
    if found["part"]:
        part = int(found["part"]) / max(int(found["whole"]), 1)
        amount = part * PINT / unit if abs(amount * OUNCE - part * PINT) < 1 and unit == PINT else amount + part
    elif found["count"] and found["times"] == "/" and unit >= PINT and int(found["count"]) < amount:
        amount = int(found["count"]) / amount  # 1/2 gal; but 3/100mL is three of 100
    elif found["count"]:
        count = int(found["count"])
    elif unit in (PINT, QUART, GALLON) and abs(amount * OUNCE - unit) < 1:
        amount = 1.0  # 128.0 Gal, 32.0 Quart: the ounces of one
    pack = _PACK.match(found["rest"])
    if pack:
        count *= int(pack[1] or pack[2])
    return Size(amount * unit, count) if amount > 0 and count > 0 else None


def millilitres(text: str | None) -> float | None:
    size = read_size(text)
    return None if size is None else size.total


def _number(text: str, unit: float) -> float:
    whole, comma, rest = text.partition(",")
    if comma and len(rest) == 3 and whole not in ("", "0") and unit == 1.0:
        return float(whole + rest)  # 1,000 ml; but 0,375 l
    return float(text.replace(",", "."))
