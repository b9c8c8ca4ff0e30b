"""Which of our tables a foreign file is, and which of its columns are ours: by names first, then by what they hold.

Every guess says how sure it is and why. What can't be decided stays open, with its candidates; nothing is made up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from invplat.data.proposal.profile import Column, Profile
from invplat.data.proposal.synonyms import file_says, is_money, likeness, synonyms, words
from invplat.data.sizes import read_size
from invplat.data.tables import TABLES, Table
from invplat.data.tables import Column as Ours

SURE = 0.8  # below this a person is asked to look
LEAST = 0.45  # of a required column
NEAR = 0.55  # of one that need not be there
APART = 0.1  # two candidates closer than this can't be told apart
WIDE = 4  # columns that are dates or numbered before a layout is called wide
_NUMBERED = re.compile(r"(d|day|dia|tag|w|wk|week|woche|semana|m|month|monat|mes|t|p|period)[ _-]?(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Guess:
    """One of our columns: where it seems to come from, or (theirs empty) that nobody can tell."""

    ours: str
    theirs: str
    confidence: float
    reason: str
    rule: str = ""  # further keys of the TOML value, such as rule = "flag"
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wide:
    """Columns that are dates: 2024-01-01, …, or d_1, d_2, …"""

    columns: tuple[str, ...]
    format: str = ""
    pattern: str = ""
    formats: tuple[str, ...] = ()  # more than one: can't be told apart
    step: str = ""  # what one numbered column seems to be
    days: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass
class Proposal:
    profile: Profile
    table: Table | None
    guesses: list[Guess] = field(default_factory=list)
    wide: Wide | None = None
    derive: bool = False

    def of(self, ours: str) -> Guess | None:
        return next((guess for guess in self.guesses if guess.ours == ours), None)

    @property
    def open(self) -> list[Guess]:
        return [guess for guess in self.guesses if not guess.theirs and guess.rule == ""]

    @property
    def made_up(self) -> int:
        """Required columns that every row would share: a file of one store, or of one article."""
        return sum(1 for guess in self.guesses if not guess.theirs and guess.rule)

    @property
    def score(self) -> float:
        """How well the table explains the file: its required columns, then how many more it names."""
        if self.table is None:
            return 0.0
        required = [self.of(name) for name in self.table.required]
        sure = sum(guess.confidence for guess in required if guess) / len(self.table.required)
        named = sum(guess.confidence for guess in self.guesses if guess.theirs)
        return sure - 0.5 * len(self.open) - 0.2 * self.made_up + 0.05 * named


def propose(profile: Profile) -> Proposal:
    """The table that explains the file best. A file that no table explains has none."""
    wide = _wide(profile)
    names = ["sales"] if wide is not None else list(TABLES)
    weighed = []
    for name in names:
        proposal = assign(profile, TABLES[name], wide)
        hint = 0.3 * file_says(profile.label, name) + 0.05 * (name == "sales")  # the one table that every dataset needs
        weighed.append((proposal.score + hint, proposal))
    best = max(weighed, key=lambda pair: pair[0])[1]
    assert best.table is not None  # assign gives the table it was given
    known = len(best.table.required) - len(best.open) - best.made_up
    if known * 2 <= len(best.table.required) and not file_says(profile.label, best.table.name):
        return Proposal(profile, None, wide=wide)
    return best


def assign(profile: Profile, table: Table, wide: Wide | None = None, keys: dict[str, str] | None = None) -> Proposal:
    """Each of our columns with the best of theirs, the surest pairs first; no column of theirs twice.

    `keys` are the columns that sales names its stores and SKUs by: where a file has them too, it speaks of the same.
    """
    proposal = Proposal(profile, table, wide=wide)
    free = {name: column for name, column in profile.columns.items() if wide is None or name not in wide.columns}
    lists = {ours.name: synonyms(table.name, ours.name) for ours in table.columns}
    if table.name == "sales":
        lists["unit"] = synonyms("sales", "unit")
    taken = {"date", "quantity"} if wide is not None else set()
    for ours, theirs in (keys or {}).items():
        if theirs in free and ours in lists:
            proposal.guesses.append(Guess(ours, theirs, 1.0, "the same column as in sales"))
            taken.add(ours)
            del free[theirs]
    pairs = []
    for place, (ours, known) in enumerate(lists.items()):
        least = LEAST if ours in table.required else NEAR
        for theirs, column in free.items():
            weight = likeness(theirs, known) * _suits(table.column(ours) or Ours("unit", "text"), column)
            if ours not in taken and weight >= least:
                pairs.append((weight, -place, ours, theirs))
    pairs.sort(key=lambda pair: (-pair[0], -pair[1], list(free).index(pair[3])))
    for weight, _, ours, theirs in pairs:
        if ours in taken or theirs not in free:
            continue
        column = free[theirs]
        rivals = tuple(
            t
            for w, _, o, t in pairs
            if o == ours and t != theirs and t in free and w > weight - APART and w < 1 and weight < 1
        )
        if rivals and ours in table.required and weight < SURE:
            continue  # left to what they hold
        guess = Guess(
            ours, theirs, weight, "by name" if weight >= SURE else "its name is near", _rule(table, ours, column)
        )
        proposal.guesses.append(guess)
        taken.add(ours)
        del free[theirs]
    for ours in table.required:
        if ours not in taken:
            guess = _by_content(table, ours, free, proposal)
            proposal.guesses.append(guess)
            free.pop(guess.theirs, None)
    return proposal


def _suits(ours: Ours, column: Column) -> float:
    """How far what a column holds can be ours: 1, a little, or not at all."""
    if column.size == 0:
        return 0.7  # nothing there to contradict the name
    if ours.kind == "date":
        return 1.0 if column.date_formats is not None else 0.0
    if ours.kind in ("name", "text"):
        if column.date_formats is not None and not column.numeric:
            return 0.0
        return 1.0 if not column.numeric or column.whole else 0.2
    if ours.name == "size" and not column.numeric:
        sizes = sum(read_size(text) is not None for text in column.texts)
        return 1.0 if sizes >= 0.5 * column.size else 0.0
    if ours.name in ("promotion", "available"):
        return 1.0 if column.numeric or column.flag else 0.0
    if ours.name in ("quantity", "on_hand") and is_money(column.name):
        return 0.0
    return 1.0 if column.numeric and (column.date_formats is None) else 0.0


def _rule(table: Table, ours: str, column: Column) -> str:
    kind = table.column(ours)
    if kind is None or kind.kind != "number":
        return ""
    if ours == "size" and not column.numeric:
        return 'rule = "size"'
    if column.flag and not column.numeric:
        return 'rule = "flag"'
    if ours == "discount" and column.numeric and float(np.nanmax(np.abs(column.numbers), initial=0)) > 1.5:
        return "scale = 0.01"  # per cent
    return ""


def _by_content(table: Table, ours: str, free: dict[str, Column], proposal: Proposal) -> Guess:
    """A required column that no name gave: decided only where one column is left that can be it."""
    column = table.column(ours)
    assert column is not None  # required columns are the table's own
    if column.kind == "date":
        fits = [name for name, theirs in free.items() if theirs.date_formats is not None]
        return _only(ours, fits, "the only column of dates")
    if column.kind == "number":
        fits = [
            name for name, theirs in free.items() if theirs.numeric and theirs.date_formats is None and not theirs.flag
        ]
        fits = [
            name for name in fits if not set(words(name)) & {"id", "nr", "code", "lat", "lon", "latitude", "longitude"}
        ]
        money = [name for name in fits if is_money(name)]
        fits = [name for name in fits if name not in money]
        if money and not fits:
            return Guess(ours, "", 0.0, "only sums of money are left", candidates=tuple(money))
        return _only(ours, fits, "the only column of numbers left")
    ids = [
        name
        for name, theirs in free.items()
        if theirs.date_formats is None and (not theirs.numeric or theirs.whole) and theirs.size > 0
    ]
    if table.name != "sales" or ours not in ("store", "sku"):
        return _only(ours, [], "")
    return _store_or_sku(ours, ids, free, proposal)


def _store_or_sku(ours: str, ids: list[str], free: dict[str, Column], proposal: Proposal) -> Guess:
    """Shops are few and articles many, where both have no name that says so."""
    texts = [name for name in ids if not free[name].numeric] or ids
    if not texts:
        constant = "main" if ours == "store" else "all"
        return Guess(
            ours,
            "",
            0.4,
            f"no column can be it: every row is taken as {ours} {constant}",
            f'rule = "constant", value = "{constant}"',
        )
    other = proposal.of("sku" if ours == "store" else "store")
    if other is not None and other.theirs and len(texts) == 1:
        return Guess(ours, texts[0], 0.6, "the only column of names left")
    if len(texts) == 2 and (other is None or not other.theirs):
        few, many = sorted(texts, key=lambda name: free[name].size)
        if free[many].size >= 3 * free[few].size:
            return Guess(
                ours,
                few if ours == "store" else many,
                0.5,
                f"of {few} and {many} it has the {'fewer' if ours == 'store' else 'more'} names",
            )
    return Guess(ours, "", 0.0, "more than one column could be it", candidates=tuple(texts))


def _only(ours: str, fits: list[str], reason: str) -> Guess:
    if len(fits) == 1:
        return Guess(ours, fits[0], 0.6, reason)
    return Guess(
        ours, "", 0.0, "more than one column could be it" if fits else "no column looks like it", candidates=tuple(fits)
    )


def _wide(profile: Profile) -> Wide | None:
    """Many columns whose names are dates or numbers in a row, holding numbers."""
    names = [name for name, column in profile.columns.items() if column.numeric or column.size == 0]
    return _numbered(names) or _dated(names)


def _numbered(names: list[str]) -> Wide | None:
    families: dict[str, list[tuple[int, str]]] = {}
    for name in names:
        match = _NUMBERED.fullmatch(name.strip())
        if match:
            families.setdefault(match[1], []).append((int(match[2]), name))
    for letters, family in families.items():
        first = family[0][0]
        if len(family) >= WIDE and [number for number, _ in family] == list(range(first, first + len(family))):
            step = {"w": "week", "s": "week", "m": "month"}.get(letters[0].lower(), "day")
            pattern = re.sub(r"\d+$", "[0-9]*", family[0][1])
            return Wide(tuple(name for _, name in family), pattern=pattern, step=step)
    return None


def _dated(names: list[str]) -> Wide | None:
    names = [name for name in names if len(re.findall(r"\d", name)) >= 3]
    if len(names) < WIDE:
        return None
    header = Column.of("header", names)
    formats = header.date_formats or ()
    if len(formats) != 1:
        return Wide(tuple(names), formats=formats) if formats else None
    inside = tuple(name for name in names if Column.of(name, [name]).reads_as(formats[0]))
    return Wide(inside, format=formats[0], days=header.days) if len(inside) >= WIDE else None
