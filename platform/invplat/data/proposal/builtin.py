"""Whether a built-in mapping fits foreign files: by headers, by file names where headers are alike, and by dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from invplat.core.errors import MappingError
from invplat.data.entry import Entry, Mapping
from invplat.data.intake.match import match_columns
from invplat.data.intake.plan import matches
from invplat.data.mapping import builtin_names, load_mapping
from invplat.data.proposal.guess import Proposal
from invplat.data.proposal.profile import Profile
from invplat.data.tables import TABLES

MARK = 3  # so many files that fit by name and columns are a layout's mark; others beside them don't count against it


@dataclass
class Fit:
    name: str
    reads: list[Profile]
    columns: int


def fitting(proposals: Sequence[Proposal], frequency: str) -> Fit | None:
    """The built-in mapping that reads the most columns of these files, if any reads them as well as we would."""
    fits = [fit for name in builtin_names() if (fit := _fit(load_mapping(name), proposals, frequency)) is not None]
    return max(fits, key=lambda fit: fit.columns, default=None)


def _fit(mapping: Mapping, proposals: Sequence[Proposal], frequency: str) -> Fit | None:
    if frequency and mapping.frequency not in (frequency, "monthly"):  # a month's figures may come day by day
        return None
    fit, sales, strangers = Fit(mapping.name, [], 0), False, 0
    for item in proposals:
        named = [entry for entry in mapping.entries if matches(entry, item.profile.label)]
        used = [(entry, _used(entry, item.profile)) for entry in named or mapping.entries]
        used = [(entry, columns) for entry, columns in used if columns]
        columns = {column for _, columns in used for column in columns}
        guessed = {guess.theirs for guess in item.guesses if guess.theirs}
        is_sales = any(entry.table == "sales" for entry, _ in used)
        if not used or (not named and len(columns) < len(guessed)):
            if named:
                return None  # called as this layout calls them, with other columns
            strangers += item.table is not None
            continue
        if is_sales and len(columns) < len(guessed):
            return None  # it would leave out what we found
        sales = sales or is_sales
        fit.reads.append(item.profile)
        fit.columns += len(columns)
    return fit if sales and (not strangers or len(fit.reads) >= MARK) else None


def _used(entry: Entry, profile: Profile) -> set[str]:
    """The columns that the entry reads, if the file has every one that it counts on."""
    try:
        found, wanted, _ = match_columns(entry, list(profile.header), profile.label)
    except MappingError:
        return set()
    if any(ours not in found for ours in entry.columns if ours not in entry.optional):
        return set()
    plain = {_plain(name) for name in profile.header}
    if any(_plain(name) not in plain for name in entry.where):
        return set()
    return set(wanted) if _dates_fit(entry, profile) else set()


def _dates_fit(entry: Entry, profile: Profile) -> bool:
    """Dates must be ones that the entry's formats read; 3/4/2024 alone could be either."""
    for ours, source in entry.columns.items():
        column = TABLES[entry.table].column(ours)
        if column is None or column.kind != "date" or source.rule:
            continue
        name = next((name for name in profile.header if _plain(name) == _plain(source.columns[0])), "")
        if name not in profile.columns:
            continue  # a column that need not be there
        theirs = profile.columns[name]
        found, wanted = theirs.date_formats, entry.formats.date
        if theirs.size == 0 or found == ():
            continue
        if wanted:
            if not any(theirs.reads_as(form) for form in wanted):
                return False
        elif found is None or len(found) > 1:
            return False
    return True


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())
