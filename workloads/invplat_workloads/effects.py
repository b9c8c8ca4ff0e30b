"""What names say of demand before a net is asked: effects of each name and of each pair of names, added in logarithms.

A name with few rows says little, so its effect is drawn towards nothing; what is left goes to the pairs. Fitted on
training rows; of those themselves each row's effects come from the others', as if it had not been there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Key = tuple[str, ...]

DRAWN = {1: 1.0, 2: 0.5}  # rows that the pull towards nothing counts for, of a name and of a pair
ROUNDS = 6  # of going through all keys; later ones change nothing that shows
FOLDS = 10
BLOCKS = 6  # of rows that time tells apart
SMALLEST = 0.5  # of demand, so that nothing has a logarithm


@dataclass(frozen=True)
class Standing:
    """Of each row: what its names say together, as demand, and each key's share in it."""

    level: Doubles  # rows
    effects: Doubles  # rows × keys
    counts: Doubles  # rows × keys: how many rows each effect was learnt from
    first: Bools  # training rows that nothing is before, where time tells rows apart: what they say is no example

    def columns(self, keys: Sequence[Key]) -> Iterator[tuple[str, Doubles]]:
        yield "standing", np.log(self.level)
        for place, key in enumerate(keys):
            yield f"effect_{'_'.join(key)}", self.effects[:, place]
            yield f"rows_{'_'.join(key)}", self.counts[:, place]


@dataclass(frozen=True)
class Effects:
    keys: tuple[Key, ...]
    centre: float
    smear: float  # demand's mean beside that of the levels: logarithms alone would say too little
    seen: tuple[Ints, ...]  # of each key: its codes, rising
    values: tuple[Doubles, ...]
    counts: tuple[Doubles, ...]

    @classmethod
    def fit(
        cls,
        ids: Mapping[str, Ints],
        target: npt.ArrayLike,
        *,
        apart: Collection[str] = (),
        when: npt.NDArray[Any] | None = None,
    ) -> tuple[Effects, Standing]:
        """And the standing of the training rows, each learnt from the others; where `when` tells them apart in time,
        from those before, as it is with rows to come. `apart`: not paired with each other."""
        demand = np.maximum(np.asarray(target, np.float64), 0.0)
        keys = _keys(ids, apart)
        codes = [_code(ids, key) for key in keys]
        whole = _fitted(keys, codes, demand)
        found = whole.standing(ids)
        first, folds = _folds(len(demand), when)
        for asked, known in folds:
            others = _fitted(keys, [code[known] for code in codes], demand[known])
            part = others.standing({name: values[asked] for name, values in ids.items()})
            for mine, theirs in zip(_arrays(found), _arrays(part), strict=True):
                mine[asked] = theirs
        mean = float(found.level.mean()) if len(demand) else 1.0
        smear = float(demand.mean()) / mean if mean > 0 and demand.any() else 1.0
        return replace(whole, smear=smear), replace(found, level=found.level * smear, first=first)

    def standing(self, ids: Mapping[str, Ints]) -> Standing:
        rows = len(next(iter(ids.values())))
        effects, counts = np.zeros((rows, len(self.keys))), np.zeros((rows, len(self.keys)))
        for place, key in enumerate(self.keys):
            code, seen = _code(ids, key), self.seen[place]
            at = np.minimum(np.searchsorted(seen, code), max(len(seen) - 1, 0))
            known = seen[at] == code if len(seen) else np.zeros(rows, bool)
            effects[known, place] = self.values[place][at[known]]
            counts[known, place] = self.counts[place][at[known]]
        level = np.exp(self.centre + effects.sum(axis=1)) * self.smear
        return Standing(np.maximum(level, 1e-3), effects, counts, np.zeros(rows, bool))


def _folds(rows: int, when: npt.NDArray[Any] | None) -> tuple[Bools, list[tuple[Bools, Bools]]]:
    """Rows that nothing is before; and rows with the others that they are learnt from."""
    if when is not None:
        dates, at = np.unique(when, return_inverse=True)
        if len(dates) >= BLOCKS:
            block: Ints = at * BLOCKS // len(dates)
            return block == 0, [(block == number, block < number) for number in range(1, BLOCKS)]
    fold = np.random.default_rng(0).integers(0, FOLDS, rows)
    parts = [(fold == number, fold != number) for number in range(FOLDS)]
    return np.zeros(rows, bool), [(asked, known) for asked, known in parts if asked.any() and known.any()]


def _arrays(standing: Standing) -> tuple[Doubles, Doubles, Doubles]:
    return standing.level, standing.effects, standing.counts


def _keys(ids: Mapping[str, Ints], apart: Collection[str]) -> tuple[Key, ...]:
    """Names alone and in pairs, as far as any of them comes twice."""
    every: list[Key] = [(name,) for name in ids]
    every += [pair for pair in combinations(ids, 2) if not set(pair) <= set(apart)]
    return tuple(key for key in every if len(np.unique(_code(ids, key))) < len(_code(ids, key)))


def _code(ids: Mapping[str, Ints], key: Key) -> Ints:
    """One whole number for a name, or for a pair of names: the second in the low half."""
    code = ids[key[0]].astype(np.int64)
    for name in key[1:]:
        code = (code << 32) | ids[name].astype(np.int64)
    return code


def _named(code: Ints, key: Key) -> npt.NDArray[np.bool_]:
    """Where no part is 0, which stands for every unknown name: those have nothing in common."""
    return (code > 0) if len(key) == 1 else (code >> 32 > 0) & (code & 0xFFFFFFFF > 0)


def _fitted(keys: tuple[Key, ...], codes: Sequence[Ints], demand: Doubles) -> Effects:
    """Round by round each key takes its share of what the others leave."""
    logarithm = np.log(np.maximum(demand, SMALLEST))
    centre = float(logarithm.mean()) if len(demand) else 0.0
    left = logarithm - centre
    places = [np.unique(code, return_inverse=True) for code in codes]
    counts = [
        (np.bincount(where, minlength=len(seen)) * _named(seen, key)).astype(np.float64)
        for key, (seen, where) in zip(keys, places, strict=True)
    ]
    values = [np.zeros(len(seen)) for seen, _ in places]
    for _ in range(ROUNDS):
        for place, (key, (seen, where)) in enumerate(zip(keys, places, strict=True)):
            left += values[place][where]
            values[place] = np.bincount(where, left, len(seen)) / (counts[place] + DRAWN[len(key)])
            values[place][counts[place] == 0] = 0.0
            left -= values[place][where]
    return Effects(keys, centre, 1.0, tuple(seen for seen, _ in places), tuple(values), tuple(counts))
