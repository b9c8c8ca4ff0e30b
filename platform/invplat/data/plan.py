"""Which file goes to which table, decided before anything is read. Names and headers only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase

from invplat.core.errors import MappingError
from invplat.data.intake import Job
from invplat.data.mapping import Entry, Mapping
from invplat.data.parse import match_columns
from invplat.data.sources.base import Source
from invplat.data.tables import TABLES


@dataclass
class Plan:
    jobs: list[Job] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def make_plan(mapping: Mapping, sources: Sequence[tuple[Source, str | None]], today: date, *, strict: bool = True) -> Plan:
    """A job for every source and every entry it matches: by its file name, else by its columns.

    `sources` come with the table the person named for them, if any.
    """
    plan = Plan()
    strangers = []
    for index, (source, table) in enumerate(sources):
        if table is not None and table not in TABLES:
            raise MappingError(f"there is no table {table!r} to read {source.name} into", hint=f"write one of {', '.join(TABLES)}")
        entries = [entry for entry in mapping.entries if entry.table == table] if table else [entry for entry in mapping.entries if matches(entry, source.label)]
        if table and not entries:
            raise MappingError(f"mapping {mapping.name} says nothing about {table}", hint="use another mapping, or add a [[table]] to it")
        if not entries:
            entries = _by_columns(mapping, source)
            if entries:
                plan.notes.append(f"{source.name}: read as {' and '.join(entry.table for entry in entries)}, by its columns")
        if not entries:
            strangers.append(source)
            continue
        for entry in entries:
            plan.jobs.append(Job(index, source.with_formats(entry.formats), entry, today))
    if strangers and (len(strangers) == len(sources) or strict):
        names = ", ".join(source.name for source in strangers[:5])
        patterns = ", ".join(sorted({pattern for entry in mapping.entries for pattern in entry.files}))
        raise MappingError(
            f"mapping {mapping.name} has no table for {names}",
            hint=f"it knows files named {patterns}; name the table yourself (sales={strangers[0].name}) or try `invplat data suggest {strangers[0].name}`",
        )
    plan.notes += [f"{source.name}: left out, the mapping has no table for it" for source in strangers]
    if not any(job.entry.table == "sales" for job in plan.jobs):
        raise MappingError("none of the files holds sales", hint="give the sales file too; a dataset needs at least sales")
    return plan


def matches(entry: Entry, label: str) -> bool:
    """A file's name against an entry's patterns, whatever the case; without an extension a pattern matches any."""
    name = label.lower()
    stem = name.split(".", 1)[0]
    return any(fnmatchcase(name, pattern.lower()) or fnmatchcase(stem, pattern.lower()) for pattern in entry.files)


def _by_columns(mapping: Mapping, source: Source) -> list[Entry]:
    """The entries whose columns the file has: the most of them, and more than names that any file has."""
    header = source.columns()
    fits = []
    for entry in mapping.entries:
        try:
            found, _, _ = match_columns(entry, header, source.name)
        except MappingError:
            continue
        fits.append((len(found), entry))
    most = max((size for size, _ in fits), default=0)
    best = [entry for size, entry in fits if size == most]
    return best if len({entry.table for entry in best}) == 1 else []

