"""A mapping proposed by looking at a business's files, as TOML for a person to read and mend.

A built-in mapping that fits is proposed as it is. Else every column is a guess with its reason; what nobody can tell
stays a commented line with a question mark, and the suggestion is not complete.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np

from invplat.core.errors import MappingError, SourceError
from invplat.data.mapping import parse_mapping
from invplat.data.proposal.builtin import Fit, fitting
from invplat.data.proposal.draft import entry, listed, quoted, shape
from invplat.data.proposal.guess import SURE, Guess, Proposal, assign, propose
from invplat.data.proposal.profile import Profile, look
from invplat.data.sources.base import Source
from invplat.data.tables import TABLES

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # TOML takes none, not even in a comment
STEPS = {"daily": (1, 1), "weekly": (7, 7), "monthly": (28, 31)}


@dataclass(frozen=True)
class Suggestion:
    toml: str
    complete: bool  # parse_mapping takes it as it stands
    lines: tuple[str, ...]  # for a person, in the order of the files
    builtin: str = ""  # the built-in mapping that fits, if one does
    guesses: tuple[tuple[str, str, Guess], ...] = ()  # file, table, guess


def suggest(sources: Sequence[Source], name: str = "suggested") -> Suggestion:
    """Raises SourceError for files that can't be read or have no rows; never for files it doesn't understand."""
    if not sources:
        raise SourceError("no files were given", hint="name files, folders or URLs to look at")
    profiles = [look(source) for source in sources]
    proposals = [propose(profile) for profile in profiles]
    frequency, why = _frequency(proposals)
    found = fitting(proposals, frequency if why else "")
    if found is not None:
        return _built_in(found, profiles)
    _some_sales(proposals)
    proposals = _same_keys(proposals)
    return _written(name, proposals + _derived(proposals), *_frequency(proposals))


def _built_in(fit: Fit, profiles: list[Profile]) -> Suggestion:
    name = fit.name
    text = (resources.files("invplat.data") / "mappings" / f"{name}.toml").read_text(encoding="utf-8")
    reads = [profile.label for profile in fit.reads]
    lines = [f"{', '.join(reads)}: the layout of the built-in mapping {name!r}", parse_mapping(text, name).about]
    lines += [f"{each.label}: left out, that layout has no such file" for each in profiles if each.label not in reads]
    lines.append(f"nothing to write: use --mapping {name}")
    head = f"# The built-in mapping {name!r} fits these files: use --mapping {name}\n"
    return Suggestion(head + text, True, tuple(lines), name)


def _some_sales(proposals: list[Proposal]) -> None:
    """A dataset needs sales: where no file looks like it most, a file with dates that could be it is taken for it."""
    if any(item.table is not None and item.table.name == "sales" for item in proposals):
        return
    tried = [assign(item.profile, TABLES["sales"], item.wide) for item in proposals]
    best = max(range(len(tried)), key=lambda place: tried[place].score)
    date = tried[best].of("date")
    dated = tried[best].wide is not None or (date is not None and date.theirs != "")
    if dated and (proposals[best].table is None or len(tried) == 1):
        proposals[best] = tried[best]


def _same_keys(proposals: list[Proposal]) -> list[Proposal]:
    """The other files again, knowing by which columns sales names its stores and SKUs."""
    keys: dict[str, str] = {}
    for item in proposals:
        if item.table is not None and item.table.name == "sales":
            keys |= {
                guess.ours: guess.theirs for guess in item.guesses if guess.ours in ("store", "sku") and guess.theirs
            }
    return [
        assign(item.profile, item.table, keys=keys) if item.table is not None and item.table.name != "sales" else item
        for item in proposals
    ]


def _derived(proposals: list[Proposal]) -> list[Proposal]:
    """What a sales file says of products, stores and stock beside its sales, where no file of their own does."""
    have = {item.table.name for item in proposals if item.table is not None}
    found = []
    for item in proposals:
        if item.table is None or item.table.name != "sales" or item.open:
            continue
        used = {guess.theirs for guess in item.guesses}
        for name in ("products", "stores", "stock"):
            if name in have:
                continue
            other = assign(item.profile, TABLES[name])
            own = [
                guess
                for guess in other.guesses
                if guess.theirs and guess.theirs not in used and guess.confidence >= SURE
            ]
            shared = [
                guess
                for guess in item.guesses
                if guess.ours in TABLES[name].key and guess.ours in ("store", "sku", "date")
            ]
            keys = {guess.ours for guess in shared}
            guesses = shared + [guess for guess in own if guess.ours not in keys]
            enough = {guess.ours for guess in guesses} >= set(TABLES[name].required) and own and not item.wide
            if enough or (
                item.wide
                and name != "stock"
                and own
                and {guess.ours for guess in guesses} >= set(TABLES[name].required)
            ):
                found.append(Proposal(item.profile, TABLES[name], guesses, None, derive=name != "stock"))
    return found


def _frequency(proposals: Iterable[Proposal]) -> tuple[str, str]:
    """How far apart the dates of sales are, and why we think so; an empty why is a mere default."""
    for item in proposals:
        if item.table is None or item.table.name != "sales":
            continue
        if item.wide is not None and item.wide.step:
            frequency = {"day": "daily", "week": "weekly", "month": "monthly"}[item.wide.step]
            return frequency, f"columns numbered by {item.wide.step}"
        date = item.of("date")
        days = (
            item.wide.days
            if item.wide
            else item.profile.columns[date.theirs].days
            if date and date.theirs
            else np.zeros(0)
        )
        gaps = Counter(np.diff(days).astype(int).tolist())
        if not gaps:
            continue
        usual = gaps.most_common(1)[0][0]
        for frequency, (least, most) in STEPS.items():
            if least <= usual <= most and (frequency != "weekly" or all(gap % 7 == 0 for gap in gaps)):
                return frequency, f"dates are {usual} {'day' if usual == 1 else 'days'} apart"
        return (
            ("weekly", "dates are whole weeks apart")
            if all(gap % 7 == 0 for gap in gaps)
            else ("daily", f"dates are {usual} days apart")
        )
    return "daily", ""


def _written(name: str, proposals: list[Proposal], frequency: str, why: str) -> Suggestion:
    head = [
        "# Proposed by looking at the files: read it before you use it.",
        f"name = {quoted(name)}",
        f'frequency = "{frequency}" # {why or "a guess: too few dates to tell; or weekly, monthly"}',
    ]
    lines = [f"{frequency}: {why}" if why else "daily: a guess, there are too few dates to tell"]
    body: list[str] = []
    complete, done = True, set()
    for item in proposals:
        if item.table is None:
            body += [
                "",
                f"# {item.profile.label}: no table of ours fits it. Its columns: {listed(item.profile.header)}",
            ]
            lines.append(f"{item.profile.label}: left out, no table of ours fits it ({listed(item.profile.header)})")
            continue
        if shape(item) in done:
            continue
        done.add(shape(item))
        same = [other.profile.label for other in proposals if other.table is not None and shape(other) == shape(item)]
        text, told, whole = entry(item, list(dict.fromkeys(same)))
        body += ["", *text]
        lines += told
        complete = complete and whole
    tables = {item.table.name for item in proposals if item.table is not None}
    if "sales" not in tables:
        body += ["", '# ? No file looks like sales, which a dataset needs: add a [[table]] with table = "sales"']
        lines.append("?: no file looks like sales, which a dataset needs")
        complete = False
    toml = "\n".join(_CONTROL.sub(" ", line) for line in head + body) + "\n"
    guesses = tuple(
        (item.profile.label, item.table.name, guess)
        for item in proposals
        if item.table is not None
        for guess in item.guesses
    )
    return Suggestion(toml, complete and _accepted(toml, name), tuple(lines), "", guesses)


def _accepted(toml: str, name: str) -> bool:
    try:
        parse_mapping(toml, name)
    except MappingError:
        return False
    return True
