"""How likely a foreign name means one of ours: words in several languages, weighed; the words are in synonyms.toml.

Names only; `guess` holds them against what the columns hold.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache
from importlib import resources
from typing import Any

# Ends of a name that say only "the key of".
SUFFIXES = ("id", "nr", "nbr", "no", "num", "number", "nummer", "numero", "code", "codigo", "cd", "idx", "index", "key")


@cache
def _words() -> dict[str, Any]:
    return tomllib.loads((resources.files("invplat.data.proposal") / "synonyms.toml").read_text(encoding="utf-8"))


def words(name: str) -> tuple[str, ...]:
    """StoreNbr, store_nbr and 'Störe Nbr.' as words: lower case, no accents."""
    text = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
    text = "".join(character for character in text if not unicodedata.combining(character))
    text = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text)
    return tuple(re.findall(r"[a-z]+|\d+", text.lower()))


@cache
def synonyms(table: str, ours: str) -> frozenset[str]:
    """A column that its table does not spell out borrows the words of the table that does."""
    columns = _words()["columns"]
    found: list[str] = columns.get(table, {}).get(ours) or next(
        (own[ours] for own in columns.values() if ours in own), []
    )
    return frozenset((ours.replace("_", " "), *found))


def is_money(name: str) -> bool:
    """A sum of money: not units, and never taken for them."""
    return " ".join(words(name)) in _words()["money"]


def file_says(label: str, table: str) -> bool:
    """Whether a file's name has a word for one of our tables."""
    return bool(set(words(label.split(".", 1)[0])) & set(_words()["files"][table]))


def likeness(name: str, known: frozenset[str]) -> float:
    """1: the very word; 0.95: 'number' or 'id' behind it; 0.85: a weak one; 0.6: among others; 0.5: inside a longer."""
    found = words(name)
    bare = found
    while len(bare) > 1 and bare[-1] in SUFFIXES:
        bare = bare[:-1]
    whole, short, glued = " ".join(found), " ".join(bare), "".join(found)
    if set(found) & set(_words()["weak"]):
        return 0.85 if short in known else 0.0
    if whole in known or glued in known:
        return 1.0
    if short in known or any(glued.endswith(end) and glued[: -len(end)] in known for end in SUFFIXES):
        return 0.95
    if any(len(word) > 3 and word in known for word in bare):
        return 0.6
    near = any(len(word) > 4 and (glued.startswith(word) or glued.endswith(word)) for word in known)
    return 0.5 if near else 0.0
