"""A mapping as records: which of our tables a file feeds, and where each of our columns comes from.

Plain frozen data; `mapping` reads them from TOML and checks them, `parse` carries them out.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

FREQUENCIES = ("daily", "weekly", "monthly")
RULES = {
    "": "the value as it stands; number columns may take `scale`",
    "size": "bottle and pack sizes such as 750mL 4 Pk, 3/100mL, 1 gal, 5 oz as millilitres",
    "not": "1 minus the value: a flag that says the opposite of ours",
    "share_out": "1 minus value / `of`: hours out of stock of so many hours",
    "day_number": "`origin` plus so many days (`step` days each, default 1)",
    "days_after": "our date column `after` plus so many days",
    "constant": "the same `value` in every row",
    "flag": "1 where the value is not empty, zero, no or false",
}
OPTIONS = {  # what each rule may take; those with a ! it must have
    "": ("scale",),
    "size": (),
    "not": ("scale",),
    "share_out": ("of!",),
    "day_number": ("origin!", "step"),
    "days_after": ("after!",),
    "constant": ("value!",),
    "flag": (),
}


@dataclass(frozen=True)
class Field:
    """Where one of our columns comes from."""

    columns: tuple[str, ...] = ()
    rule: str = ""
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Unpivot:
    """Columns that are really rows: one column a day (wide sales), or one column a signal."""

    into: str  # our column that takes the column's name: "date" or "name"
    value: str  # our column that takes the cell
    columns: tuple[str, ...] = ()  # exact names or wildcards
    format: str = ""  # dates in column names: strptime format
    origin: str = ""  # or numbered columns: the date of the first one
    step: int = 1


@dataclass(frozen=True)
class Formats:
    date: tuple[str, ...] = ()  # empty: the well-known ones are tried
    decimal: str = "."
    thousands: str = ""
    delimiter: str = ""  # empty: found by looking
    encoding: str = ""  # empty: UTF-8, then found by looking


@dataclass(frozen=True)
class Entry:
    table: str
    files: tuple[str, ...]
    columns: dict[str, Field]
    unpivot: Unpivot | None = None
    formats: Formats = field(default_factory=Formats)
    gaps: str = "zero"
    repeats: str = ""  # empty: each column's own way (quantities add up)
    duplicates: str = "drop"  # identical rows: "drop" all but one, or "keep" as separate facts
    derive: bool = False  # attributes read from rows that another entry counts
    where: dict[str, str] = field(default_factory=dict)  # theirs: "text", "!=text", ">0"; other rows are no facts here
    units: dict[str, float] = field(default_factory=dict)
    known: tuple[str, ...] = ()  # covariates that are planned ahead
    optional: tuple[str, ...] = ()  # columns that need not be in the file
    unknown_sku: str = "keep"  # or "quarantine"
    max_quantity: float = 1e7
    outlier: float = 100.0  # times the series' usual quantity; 0: never


@dataclass(frozen=True)
class Mapping:
    name: str
    about: str
    frequency: str
    entries: tuple[Entry, ...]

    @property
    def hash(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]
