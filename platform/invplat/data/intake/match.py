"""A mapping entry held against a file's header: which of their columns are ours, and which of their rows.

Names only; values are read elsewhere.
"""

from __future__ import annotations

from difflib import get_close_matches
from fnmatch import fnmatchcase

from invplat.core.errors import MappingError
from invplat.data.entry import Entry, Field
from invplat.data.intake.arrow import strings
from invplat.data.intake.facts import NO_DATE
from invplat.data.intake.values import read_dates
from invplat.data.tables import TABLES


def match_columns(entry: Entry, header: list[str], where: str) -> tuple[dict[str, Field], list[str], list[str]]:
    """The entry's columns with theirs as spelt in this file, which of theirs to read, and notes on what is lacking."""
    spelt = {plain(name): name for name in reversed(header)} | {name: name for name in header}
    found: dict[str, Field] = {}
    notes: list[str] = []
    table = TABLES[entry.table]
    for ours, source in entry.columns.items():
        theirs = [spelt.get(name, spelt.get(plain(name), "")) for name in source.columns]
        if all(theirs):
            found[ours] = Field(tuple(theirs), source.rule, source.options)
            continue
        lacking = source.columns[theirs.index("")]
        column = table.column(ours)
        if column is not None and column.required:
            known = list(map(plain, header))
            near = get_close_matches(plain(lacking), known, n=1, cutoff=0.5)
            near = near or get_close_matches(ours, known, n=1, cutoff=0.4)
            looks = f"; {spelt[near[0]]!r} looks like it" if near else ""
            raise MappingError(
                f"{where} has no column {lacking!r}, which {entry.table}.{ours} needs{looks}",
                hint=f"its columns are: {_some(header)}; write a mapping with `invplat data suggest`",
            )
        if ours not in entry.optional:
            notes.append(f"{where} has no column {lacking!r}: {entry.table}.{ours} stays unknown")
    needed = dict.fromkeys(name for source in found.values() for name in source.columns)
    for name in entry.where:
        if name not in spelt and plain(name) not in spelt:
            raise MappingError(
                f"{where} has no column {name!r}, by which the mapping picks rows",
                hint=f"its columns are: {_some(header)}",
            )
        needed[spelt.get(name, spelt.get(plain(name), name))] = None
    if entry.unpivot is not None:
        wide = unpivot_columns(entry, header, {name for source in found.values() for name in source.columns})
        if not wide:
            raise MappingError(
                f"{where} has no columns to turn into rows",
                hint=f"looked for {', '.join(entry.unpivot.columns) or entry.unpivot.format}",
            )
        needed.update(dict.fromkeys(wide))
    return found, list(needed), notes


def _some(header: list[str]) -> str:
    return ", ".join(header[:30]) + (" …" if len(header) > 30 else "")


def plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def unpivot_columns(entry: Entry, header: list[str], taken: set[str]) -> list[str]:
    unpivot = entry.unpivot
    assert unpivot is not None  # callers look first
    if unpivot.columns:
        return [
            name
            for name in header
            if name not in taken and any(fnmatchcase(name.lower(), pattern.lower()) for pattern in unpivot.columns)
        ]
    days = read_dates(strings(header), (unpivot.format,)).array
    return [name for name, day in zip(header, days.tolist(), strict=True) if day != int(NO_DATE) and name not in taken]


def holds(value: object, test: str) -> bool:
    """A filter of the mapping: '>0', '<0', '!=x', or the text itself; '' is an empty cell."""
    text = "" if value is None else str(value).strip()
    if test[:1] in "<>" and test:
        try:
            return float(text) > float(test[1:]) if test[0] == ">" else float(text) < float(test[1:])
        except ValueError:
            return False
    if test.startswith("!="):
        return text.lower() != test[2:].strip().lower()
    return text.lower() == test.lower()


def wide_number(name: str) -> int:
    """d_1 is the first day: the number in a wide column's name, counted from one."""
    digits = "".join(character for character in name if character.isdigit())
    if not digits:
        raise MappingError(
            f"wide column {name!r} has no number",
            hint="give unpivot a `format` for dates, or name only the numbered columns",
        )
    return int(digits) - 1
