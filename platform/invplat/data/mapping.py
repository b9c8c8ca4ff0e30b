"""How a business's own files become our tables: a small TOML file, read and checked here.

    name = "my-shop"
    frequency = "daily"                     # daily, weekly or monthly: what one row of sales covers

    [[table]]
    table = "sales"                         # one of ours
    files = ["till_*.csv"]                  # names, with wildcards; default: the table's own name
    gaps = "zero"                           # a day without a row: "zero" sold, or "missing"
    repeats = "sum"                         # several rows of one day: "sum", "last", "mean"
    columns = { store = "Shop", sku = ["Dept", "Item"], date = "Day", quantity = "Qty", unit = "UOM" }
    formats = { date = ["%d.%m.%Y"], decimal = ",", thousands = "." }
    units = { tray = 6 }

A column is the name of theirs, a list of theirs (joined with '-'), or a table with a `rule` (see RULES).
Knows nothing about engines; `parse` carries it out.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping as MappingType
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any

from invplat.core.errors import MappingError
from invplat.data.tables import TABLES

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
    where: dict[str, str] = field(default_factory=dict)  # theirs: "text" or ">0"; other rows are not facts of this table
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


def builtin_names() -> list[str]:
    folder = resources.files("invplat.data") / "mappings"
    return sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))


def load_mapping(name_or_file: str) -> Mapping:
    """A built-in mapping by name, or a TOML file by path."""
    names = builtin_names()
    if name_or_file in names:
        text = (resources.files("invplat.data") / "mappings" / f"{name_or_file}.toml").read_text(encoding="utf-8")
        return parse_mapping(text, name_or_file)
    path = Path(name_or_file)
    if not path.is_file():
        near = get_close_matches(name_or_file, names, n=1)
        raise MappingError(
            f"there is no mapping {name_or_file!r}, neither built in nor a file",
            hint=(f"did you mean {near[0]}? " if near else "") + f"built in: {', '.join(names)}; or write one with `invplat data suggest FILES`",
        )
    try:
        return parse_mapping(path.read_text(encoding="utf-8"), path.stem)
    except UnicodeDecodeError as error:
        raise MappingError(f"{name_or_file} is not a UTF-8 text file", hint="a mapping is a small TOML file") from error


def parse_mapping(text: str, name: str) -> Mapping:
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"mapping {name}: {error}", hint="it must be TOML; see `invplat data suggest --help`") from error
    frequency = raw.get("frequency", "daily")
    if frequency not in FREQUENCIES:
        raise MappingError(f"mapping {name}: frequency = {frequency!r}", hint=f"write one of {', '.join(FREQUENCIES)}")
    _only(raw, {"name", "about", "frequency", "table"}, f"mapping {name}")
    entries = tuple(_entry(item, f"mapping {name}, table {number}") for number, item in enumerate(raw.get("table", []), 1))
    if not any(entry.table == "sales" for entry in entries):
        raise MappingError(f"mapping {name} says nothing about sales", hint='it needs a [[table]] with table = "sales"')
    return Mapping(str(raw.get("name", name)), str(raw.get("about", "")), frequency, entries)


def _entry(raw: MappingType[str, Any], where: str) -> Entry:
    kind = raw.get("table")
    if kind not in TABLES:
        near = get_close_matches(str(kind), TABLES, n=1)
        raise MappingError(f"{where}: table = {kind!r} is not one of ours", hint=f"write one of {', '.join(TABLES)}" + (f" (near: {near[0]})" if near else ""))
    where = f"{where} ({kind})"
    known_keys = set(Entry.__dataclass_fields__)
    _only(raw, known_keys, where)
    table = TABLES[kind]
    columns = {ours: _field(value, f"{where}, column {ours}") for ours, value in raw.get("columns", {}).items()}
    unpivot = None
    if "unpivot" in raw:
        _only(raw["unpivot"], set(Unpivot.__dataclass_fields__), f"{where}, unpivot")
        unpivot = Unpivot(**{**raw["unpivot"], "columns": _texts(raw["unpivot"].get("columns", []))})
    for ours in columns:
        if table.column(ours) is None and not table.extras and ours != "unit":
            near = get_close_matches(ours, [c.name for c in table.columns], n=1)
            raise MappingError(f"{where} has no column {ours!r}", hint=f"ours are {', '.join(c.name for c in table.columns)}" + (f"; did you mean {near[0]}?" if near else ""))
    given = set(columns) | ({unpivot.into, unpivot.value} if unpivot else set())
    lacking = [c for c in table.required if c not in given]
    if lacking:
        raise MappingError(f"{where} does not say where {', '.join(lacking)} comes from", hint=f'add {lacking[0]} = "their column" under columns')
    _not_twice(columns, where)
    formats = dict(raw.get("formats", {}))
    _only(formats, set(Formats.__dataclass_fields__), f"{where}, formats")
    formats["date"] = _texts(formats.get("date", ()))
    for key, allowed in (("gaps", ("zero", "missing")), ("repeats", ("", "sum", "last", "mean")), ("duplicates", ("drop", "keep")), ("unknown_sku", ("keep", "quarantine"))):
        if raw.get(key, allowed[0]) not in allowed:
            raise MappingError(f"{where}: {key} = {raw[key]!r}", hint=f"write one of {', '.join(a for a in allowed if a)}")
    rest = {k: raw[k] for k in ("gaps", "repeats", "duplicates", "derive", "unknown_sku", "max_quantity", "outlier") if k in raw}
    return Entry(
        table=kind,
        files=_texts(raw.get("files", f"{kind}*")),
        columns=columns,
        unpivot=unpivot,
        formats=Formats(**formats),
        where={str(k): str(v) for k, v in raw.get("where", {}).items()},
        units={str(k).lower(): float(v) for k, v in raw.get("units", {}).items()},
        known=_texts(raw.get("known", ())),
        optional=_texts(raw.get("optional", ())),
        **rest,
    )


def _field(value: Any, where: str) -> Field:
    if isinstance(value, str):
        return Field((value,))
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return Field(tuple(value))
    if isinstance(value, dict):
        options = dict(value)
        rule = str(options.pop("rule", ""))
        if rule not in RULES:
            raise MappingError(f"{where}: there is no rule {rule!r}", hint=f"rules: {', '.join(r for r in RULES if r)}")
        columns = _texts(options.pop("column", ()))
        if not columns and rule != "constant":
            raise MappingError(f"{where} names no column of theirs", hint='write { column = "Theirs", rule = "…" }')
        return Field(columns, rule, options)
    raise MappingError(f"{where}: {value!r} is not understood", hint='write "Theirs", ["Two", "Columns"] or { column = "Theirs", rule = "…" }')


def _texts(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(str(item) for item in value)


def _only(raw: MappingType[str, Any], allowed: set[str], where: str) -> None:
    for key in raw:
        if key not in allowed:
            near = get_close_matches(key, sorted(allowed), n=1)
            raise MappingError(f"{where}: {key!r} is not understood", hint=f"did you mean {near[0]}?" if near else f"known here: {', '.join(sorted(allowed))}")


def _not_twice(columns: dict[str, Field], where: str) -> None:
    """Two of our columns from one of theirs is nearly always a slip; a rule on one of them says it is meant."""
    seen: dict[tuple[str, ...], str] = {}
    for ours, source in columns.items():
        if not source.columns or source.rule:
            continue
        if source.columns in seen:
            raise MappingError(
                f"{where}: {' + '.join(source.columns)!r} is mapped to both {seen[source.columns]} and {ours}",
                hint="keep one of the two",
            )
        seen[source.columns] = ours
