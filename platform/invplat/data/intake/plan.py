"""Which file goes to which table, decided before anything is read. Names and headers only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase

from invplat.core.errors import MappingError
from invplat.data.intake.match import match_columns
from invplat.data.intake.read import Job
from invplat.data.mapping import Entry, Mapping
from invplat.data.sources.base import Source
from invplat.data.tables import TABLES


@dataclass(frozen=True)
class Given:
    """A source as it came in."""

    source: Source
    table: str | None = None  # as the person named it
    fingerprint: str = ""


@dataclass
class Plan:
    jobs: list[Job] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def make_plan(
    mapping: Mapping, sources: Sequence[Given], today: date, *, strict: bool = True, sales: bool = True
) -> Plan:
    """A job for every source and every entry it matches: by its file name, else by its columns.

    `strict`: every source must have a table. `sales`: one must hold sales.
    """
    plan = Plan()
    strangers = []
    named = [_by_name(mapping, given) for given in sources]
    taken = {entry.table for entries in named for entry in entries}
    for index, (given, entries) in enumerate(zip(sources, named, strict=True)):
        source = given.source
        if not entries:
            entries = _by_columns(mapping, source, taken)
            if entries:
                plan.notes.append(f"{source.name}: read as {entries[0].table}, by its columns")
        if not entries:
            strangers.append(source)
            continue
        for entry in entries:
            plan.jobs.append(Job(index, source.with_formats(entry.formats), entry, today, given.fingerprint))
    if strangers and (len(strangers) == len(sources) or strict):
        names = ", ".join(source.name for source in strangers[:5])
        patterns = ", ".join(sorted({pattern for entry in mapping.entries for pattern in entry.files}))
        raise MappingError(
            f"mapping {mapping.name} has no table for {names}",
            hint=f"it knows files named {patterns}; name the table yourself (sales={strangers[0].name}) "
            f"or try `invplat data suggest {strangers[0].name}`",
        )
    plan.notes += [f"{source.name}: left out, the mapping has no table for it" for source in strangers]
    if sales and not any(job.entry.table == "sales" for job in plan.jobs):
        raise MappingError(
            "none of the files holds sales", hint="give the sales file too; a dataset needs at least sales"
        )
    return plan


def matches(entry: Entry, label: str) -> bool:
    """A file's name against an entry's patterns, whatever the case; without an extension a pattern matches any."""
    name = label.lower()
    stem = name.split(".", 1)[0]
    return any(fnmatchcase(name, pattern.lower()) or fnmatchcase(stem, pattern.lower()) for pattern in entry.files)


def _by_name(mapping: Mapping, given: Given) -> list[Entry]:
    """The entries of the table that the person named, else those whose patterns the file's name matches."""
    if given.table is None:
        return [entry for entry in mapping.entries if matches(entry, given.source.label)]
    if given.table not in TABLES:
        raise MappingError(
            f"there is no table {given.table!r} to read {given.source.name} into",
            hint=f"write one of {', '.join(TABLES)}",
        )
    entries = [entry for entry in mapping.entries if entry.table == given.table]
    if not entries:
        raise MappingError(
            f"mapping {mapping.name} says nothing about {given.table}",
            hint="use another mapping, or add a [[table]] to it",
        )
    return entries


def _by_columns(mapping: Mapping, source: Source, taken: set[str]) -> list[Entry]:
    """The entries that the file has most columns of, all of one table that no other file is for by its name.

    Facts have columns enough that they must have; but many a file has a SKU, so attributes need most of theirs.
    """
    header = source.columns()
    fits = []
    for entry in mapping.entries:
        if entry.table in taken:
            continue
        try:
            found, _, _ = match_columns(entry, header, source.name)
        except MappingError:
            continue
        if TABLES[entry.table].by_store or 2 * len(found) > len(entry.columns):
            fits.append((len(found), entry))
    most = max((size for size, _ in fits), default=0)
    best = [entry for size, entry in fits if size == most]
    return best if len({entry.table for entry in best}) == 1 else []
