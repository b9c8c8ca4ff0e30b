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

import tomllib
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any

from invplat.core.errors import MappingError
from invplat.data import checked
from invplat.data.entry import FREQUENCIES, OPTIONS, RULES, Entry, Field, Formats, Mapping, Unpivot
from invplat.data.tables import TABLES, Table

__all__ = [
    "FREQUENCIES",
    "RULES",
    "Entry",
    "Field",
    "Formats",
    "Mapping",
    "Unpivot",
    "builtin_names",
    "load_mapping",
    "parse_mapping",
]


def builtin_names() -> list[str]:
    folder = resources.files("invplat.data") / "mappings"
    return sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))


def builtin_text(name: str) -> str:
    return (resources.files("invplat.data") / "mappings" / f"{name}.toml").read_text(encoding="utf-8")


def load_mapping(name_or_file: str) -> Mapping:
    """A built-in mapping by name, or a TOML file by path."""
    names = builtin_names()
    if name_or_file in names:
        return parse_mapping(builtin_text(name_or_file), name_or_file)
    path = Path(name_or_file)
    if not path.is_file():
        near = get_close_matches(name_or_file, names, n=1)
        raise MappingError(
            f"there is no mapping {name_or_file!r}, neither built in nor a file",
            hint=(f"did you mean {near[0]}? " if near else "")
            + f"built in: {', '.join(names)}; or write one with `invplat data suggest FILES`",
        )
    try:
        return parse_mapping(path.read_text(encoding="utf-8"), path.stem)
    except UnicodeDecodeError as error:
        raise MappingError(f"{name_or_file} is not a UTF-8 text file", hint="a mapping is a small TOML file") from error


def parse_mapping(text: str, name: str) -> Mapping:
    try:
        raw = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise MappingError(
            f"mapping {name}: {error}", hint="it must be TOML; see `invplat data suggest --help`"
        ) from error
    where = f"mapping {name}"
    checked.only(raw, {"name", "about", "frequency", "table"}, where)
    frequency = checked.one_of(raw, "frequency", FREQUENCIES, where)
    tables = raw.get("table", [])
    if not isinstance(tables, list):
        raise MappingError(f"{where}: `table` is not a list of tables", hint="write [[table]] with double brackets")
    entries = tuple(_entry(item, f"{where}, table {number}") for number, item in enumerate(tables, 1))
    if not any(entry.table == "sales" for entry in entries):
        raise MappingError(f"{where} says nothing about sales", hint='it needs a [[table]] with table = "sales"')
    return Mapping(str(raw.get("name", name)), str(raw.get("about", "")), frequency, entries)


def _entry(raw: Any, where: str) -> Entry:
    if not isinstance(raw, dict):
        raise MappingError(f"{where}: {raw!r} is not a table", hint="write [[table]] with double brackets")
    kind = str(raw.get("table"))
    if kind not in TABLES:
        near = get_close_matches(kind, TABLES, n=1)
        did_you = f" (near: {near[0]})" if near else ""
        raise MappingError(
            f"{where}: table = {kind!r} is not one of ours", hint=f"write one of {', '.join(TABLES)}{did_you}"
        )
    where = f"{where} ({kind})"
    checked.only(raw, set(Entry.__dataclass_fields__), where)
    table = TABLES[kind]
    columns = {
        ours: _field(value, f"{where}, column {ours}") for ours, value in checked.table(raw, "columns", where).items()
    }
    for ours in columns:
        if not table.extras and ours != "unit":
            _ours(table, ours, where)
    unpivot = (
        _unpivot(checked.table(raw, "unpivot", where), table, columns, f"{where}, unpivot")
        if "unpivot" in raw
        else None
    )
    given = set(columns) | ({unpivot.into, unpivot.value} if unpivot else set())
    lacking = [c for c in table.required if c not in given]
    if lacking:
        raise MappingError(
            f"{where} does not say where {', '.join(lacking)} comes from",
            hint=f'add {lacking[0]} = "their column" under columns',
        )
    _not_twice(columns, where)
    _dates_and_numbers(columns, table, where)
    known, optional = (
        checked.texts(raw.get("known", ()), f"{where}, known"),
        checked.texts(raw.get("optional", ()), f"{where}, optional"),
    )
    for key, names in (("known", known), ("optional", optional)):
        for name in names:
            if name not in given:
                raise MappingError(
                    f"{where}: {key} names {name!r}, which columns does not give",
                    hint=f"columns gives {', '.join(given)}",
                )
    return Entry(
        table=kind,
        files=checked.texts(raw.get("files", f"{kind}*"), f"{where}, files"),
        columns=columns,
        unpivot=unpivot,
        formats=_formats(checked.table(raw, "formats", where), f"{where}, formats"),
        gaps=checked.one_of(raw, "gaps", ("zero", "missing"), where),
        repeats=checked.one_of(raw, "repeats", ("", "sum", "last", "mean"), where),
        duplicates=checked.one_of(raw, "duplicates", ("drop", "keep"), where),
        derive=checked.truth(raw, "derive", where),
        where={str(k): checked.text(v) for k, v in checked.table(raw, "where", where).items()},
        units={
            str(k).lower(): checked.number(v, f"{where}, units, {k}")
            for k, v in checked.table(raw, "units", where).items()
        },
        known=known,
        optional=optional,
        unknown_sku=checked.one_of(raw, "unknown_sku", ("keep", "quarantine"), where),
        max_quantity=checked.number(raw.get("max_quantity", Entry.max_quantity), f"{where}, max_quantity"),
        outlier=checked.number(raw.get("outlier", Entry.outlier), f"{where}, outlier", least=0.0),
    )


def _ours(table: Table, name: str, where: str) -> None:
    if table.column(name) is None:
        near = get_close_matches(name, [c.name for c in table.columns], n=1)
        did_you = f"; did you mean {near[0]}?" if near else ""
        raise MappingError(
            f"{where} has no column {name!r}", hint=f"ours are {', '.join(c.name for c in table.columns)}{did_you}"
        )


def _unpivot(raw: dict[str, Any], table: Table, columns: dict[str, Field], where: str) -> Unpivot:
    checked.only(raw, set(Unpivot.__dataclass_fields__), where)
    for key in ("into", "value"):
        if key not in raw:
            raise MappingError(
                f"{where} lacks `{key}`",
                hint='write { into = "date", value = "quantity", columns = ["d_*"], origin = "…" }',
            )
        _ours(table, str(raw[key]), where)
        if raw[key] in columns:
            raise MappingError(f"{where}: {raw[key]!r} is also under columns", hint="keep one of the two")
    unpivot = Unpivot(
        into=str(raw["into"]),
        value=str(raw["value"]),
        columns=checked.texts(raw.get("columns", ()), f"{where}, columns"),
        format=str(raw.get("format", "")),
        origin=checked.day(raw["origin"], f"{where}, origin") if "origin" in raw else "",
        step=int(checked.number(raw.get("step", 1), f"{where}, step", least=1.0)),
    )
    if unpivot.into == "date" and not unpivot.format and not unpivot.origin:
        raise MappingError(
            f"{where} does not say which dates the columns are",
            hint='add format = "%Y-%m-%d", or the origin of d_1, d_2, …',
        )
    if not unpivot.columns and not unpivot.format:
        raise MappingError(f"{where} does not say which columns", hint='add columns = ["names", "or_wildcards_*"]')
    return unpivot


def _formats(raw: dict[str, Any], where: str) -> Formats:
    checked.only(raw, set(Formats.__dataclass_fields__), where)
    rest = {key: str(value) for key, value in raw.items() if key != "date"}
    formats = Formats(checked.texts(raw.get("date", ()), f"{where}, date"), **rest)
    if formats.decimal not in (".", ","):
        raise MappingError(f"{where}: decimal = {formats.decimal!r}", hint='write "." or ","')
    if formats.thousands == formats.decimal:
        raise MappingError(
            f"{where}: decimal and thousands are both {formats.decimal!r}",
            hint='write for example decimal = ",", thousands = "."',
        )
    for form in formats.date:
        if "%" not in form:
            raise MappingError(f"{where}: date format {form!r} has no % codes", hint='write for example "%d.%m.%Y"')
    return formats


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
        columns = checked.texts(options.pop("column", ()), f"{where}, column")
        if not columns and rule != "constant":
            raise MappingError(f"{where} names no column of theirs", hint='write { column = "Theirs", rule = "…" }')
        return Field(columns, rule, _options(rule, options, where))
    raise MappingError(
        f"{where}: {value!r} is not understood",
        hint='write "Theirs", ["Two", "Columns"] or { column = "Theirs", rule = "…" }',
    )


def _options(rule: str, options: dict[str, Any], where: str) -> dict[str, Any]:
    allowed = {option.removesuffix("!") for option in OPTIONS[rule]}
    checked.only(options, allowed, where)
    for option in OPTIONS[rule]:
        if option.endswith("!") and option[:-1] not in options:
            raise MappingError(f"{where}: rule {rule!r} needs `{option[:-1]}`", hint=RULES[rule])
    for key, least in (("scale", -1e15), ("step", 1.0), ("of", 1e-12)):
        if key in options:
            options[key] = checked.number(options[key], f"{where}, {key}", least)
    if "origin" in options:
        options["origin"] = checked.day(options["origin"], f"{where}, origin")
    for key in ("value", "after"):
        if key in options:
            options[key] = checked.text(options[key])
    return options


def _dates_and_numbers(columns: dict[str, Field], table: Table, where: str) -> None:
    """A rule that makes dates belongs to a date column, and days_after counts from a date column before it."""
    order = [c.name for c in table.columns]
    dates, numbers = (f"{kind}s here: {_names(table, kind)}" for kind in ("date", "number"))
    for ours, source in columns.items():
        column = table.column(ours)
        kind = column.kind if column else "number"
        if source.rule in ("day_number", "days_after") and kind != "date":
            raise MappingError(f"{where}: rule {source.rule!r} makes a date, {ours} is none", hint=dates)
        if source.rule in ("size", "not", "share_out", "flag") and kind != "number":
            raise MappingError(f"{where}: rule {source.rule!r} makes a number, {ours} is none", hint=numbers)
        after = str(source.options.get("after", ""))
        if after and (after not in columns or after not in order[: order.index(ours)]):
            raise MappingError(f"{where}: {ours} counts from {after!r}, which no column before it gives", hint=dates)
        if len(source.columns) > 1 and kind in ("number", "date"):
            joined = " and ".join(source.columns)
            raise MappingError(f"{where}: {ours} is a {kind} and can't be joined of {joined}", hint="name one column")


def _names(table: Table, kind: str) -> str:
    return ", ".join(c.name for c in table.columns if c.kind == kind) or "none"


def _not_twice(columns: dict[str, Field], where: str) -> None:
    """Two of our columns from one of theirs is nearly always a slip; a rule on one of them says it is meant."""
    seen: dict[tuple[str, ...], str] = {}
    for ours, source in columns.items():
        if not source.columns or source.rule:
            continue
        if source.columns in seen:
            raise MappingError(
                f"{where}: {' + '.join(source.columns)!r} is mapped to both {seen[source.columns]} and {ours}",
                hint="keep one of the two, or say with a `rule` that both are meant",
            )
        seen[source.columns] = ours
