"""Facts of whole series put in order: sorted by key, copies dropped, repeats combined, outliers marked.

Pure arrays in, pure arrays out; the same facts in any order of arrival give the same result, because ties are
broken by where a fact came from. Knows nothing of files or of stores on disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from invplat.data.intake.facts import NO_DATE, Array, Facts, Index, concatenate
from invplat.data.intake.vocabulary import Vocabulary
from invplat.data.mapping import Entry

PIECE = 1 << 17  # rows merged at a time
SHARE = 1 << 18  # rows put in order at a time
FIRST = 1 << 16  # in the first share: until it is done, nothing is there to be written
LEAST_FOR_OUTLIER = 8  # sales before a series has a "usual"


@dataclass
class Merged:
    facts: Facts
    rows_merged: int = 0
    events: list[tuple[str, str, Facts]] = field(default_factory=list)  # rule, column, the rows it touched
    counts: dict[str, int] = field(default_factory=dict)


def merge(facts: Facts, entry: Entry, vocabulary: Vocabulary) -> Iterator[Merged]:
    """In key order and in pieces of whole stores, each small enough to stay in the processor's cache."""
    for share in _shares(facts, vocabulary):
        keys = facts if share is None else _keys(facts).take(share)
        order, first = sort_by_key(keys, vocabulary)
        if share is not None:
            order = share[order]
        for start, end in _pieces(facts, order):
            yield _merged(facts.take(order[start:end]), first[start:end], entry)


def merge_whole(facts: Facts, entry: Entry, vocabulary: Vocabulary) -> Facts:
    """The same at once, where only the facts are wanted."""
    parts = [merged.facts for merged in merge(facts, entry, vocabulary)]
    return concatenate(parts) if parts else facts


def _shares(facts: Facts, vocabulary: Vocabulary) -> Iterator[Index | None]:
    """Some stores after the others, in the order of their names: while one share is put in order, the one before is
    being written."""
    if not facts.table.by_store or len(facts) < 2 * SHARE:
        yield None
        return
    store = facts.arrays["store"]
    rows = np.bincount(store)
    stores = sorted(np.flatnonzero(rows).tolist(), key=vocabulary.names.__getitem__)
    before = np.cumsum(rows[stores]) - rows[stores]
    share_of = np.zeros(len(rows), np.int32)
    share_of[stores] = (before + SHARE - FIRST) // SHARE
    share = share_of[store]
    for number in sorted(set(share_of[stores].tolist())):
        yield np.flatnonzero(share == number)


def _keys(facts: Facts) -> Facts:
    names = ("row", *(name for name in facts.table.key if name in facts.arrays))
    return Facts(facts.table, {name: facts.arrays[name] for name in names})


def _pieces(facts: Facts, order: Index) -> Iterator[tuple[int, int]]:
    if len(order) == 0:
        return
    if not facts.table.by_store:
        yield 0, len(order)
        return
    store = facts.arrays["store"][order]
    starts = np.append(np.flatnonzero(store[1:] != store[:-1]) + 1, len(order)).tolist()
    begin = 0
    for place, end in enumerate(starts):
        if end == len(order) or starts[place + 1] - begin > PIECE:
            yield begin, end
            begin = end


def _merged(facts: Facts, first: npt.NDArray[np.bool_], entry: Entry) -> Merged:
    merged = Merged(facts) if first.all() else _one_per_key(facts, first, entry)
    if facts.table.name == "sales":
        mark_outliers(merged, entry.outlier)
    return merged


def sort_by_key(facts: Facts, vocabulary: Vocabulary) -> tuple[Index, npt.NDArray[np.bool_]]:
    """The order of the facts by key, ties by where they came from, and where in it a new key begins."""
    size = len(facts)
    if size == 0:
        return np.zeros(0, np.intp), np.zeros(0, bool)
    columns: list[tuple[Array, npt.NDArray[np.int64], int]] = []  # codes, rank of a code, number of ranks
    for name in facts.table.key:
        array = facts.arrays.get(name)
        if array is None:
            continue
        if facts.kind(name) == "date":
            day = np.where(array == NO_DATE, np.int32(-(10**6)), array)
            day -= day.min()
            columns.append((day, np.arange(int(day.max()) + 1), int(day.max()) + 1))
        else:
            ranks, present = vocabulary.ranks(array.astype(np.int32, copy=False))
            columns.append((array, ranks.astype(np.int64), len(present)))
    row = facts.arrays["row"]
    base = None if bool((row[1:] >= row[:-1]).all()) else np.argsort(row, kind="stable")
    bits = max(size - 1, 1).bit_length()
    space = 1
    for _, _, width in columns:
        space *= width
    if space << bits >= 1 << 63:
        ranked = [rank_of[codes] for codes, rank_of, _ in columns]
        order = np.lexsort([row, *reversed(ranked)])
        first = np.zeros(size, bool)
        first[0] = True
        for rank in ranked:
            first[1:] |= rank[order][1:] != rank[order][:-1]
        return order, first
    # Packed into one integer the sort is several times faster than by columns; all in place, for fresh memory is slow.
    key = np.zeros(size, np.uint64)
    fresh = np.empty(size, np.uint64)
    for codes, rank_of, width in columns:
        key *= np.uint64(width)
        key += np.take(rank_of.astype(np.uint64), codes if base is None else codes[base], out=fresh, mode="wrap")
    key <<= np.uint64(bits)
    key |= np.arange(size, dtype=np.uint64)
    if not bool((key[1:] > key[:-1]).all()):
        key.sort()
    order = np.bitwise_and(key, np.uint64((1 << bits) - 1), out=fresh).view(np.int64).astype(np.intp, copy=False)
    key >>= np.uint64(bits)
    first = np.empty(size, bool)
    first[0] = True
    np.not_equal(key[1:], key[:-1], out=first[1:])
    return (order if base is None else base[order]), first


def _one_per_key(facts: Facts, first: npt.NDArray[np.bool_], entry: Entry) -> Merged:
    result = Merged(facts)
    if entry.duplicates == "drop":
        copies = _copies(facts, first)
        if len(copies):
            result.events.append(("duplicate_row", "", facts.take(copies)))
            result.counts["duplicate_row"] = len(copies)
            keep = np.ones(len(facts), bool)
            keep[copies] = False
            group = np.cumsum(first)[keep]
            facts = facts.take(keep)
            first = np.concatenate([[True], group[1:] != group[:-1]])
    starts = np.flatnonzero(first)
    repeated = len(facts) - len(starts)
    if repeated:
        result.counts["repeated_key"] = repeated
        facts = _combined(facts, starts, entry)
    result.facts = facts
    result.rows_merged = sum(result.counts.values())
    return result


def _copies(facts: Facts, first: npt.NDArray[np.bool_]) -> Index:
    """Rows that say exactly what an earlier row of the same key said."""
    shared = ~first
    shared[:-1] |= ~first[1:]
    rows = np.flatnonzero(shared)
    group = np.cumsum(first)[rows]
    said = {name: facts.arrays[name][rows] for name in facts.names if name not in facts.table.key}
    if "returned" in said:  # files without a return don't say it
        said["returned"] = np.nan_to_num(said["returned"])
    order = np.lexsort([*said.values(), group])  # stable: of those that say the same, the first stays first
    again = np.ones(max(len(order) - 1, 0), bool)
    for array in (group, *said.values()):
        before, after = array[order[:-1]], array[order[1:]]
        again &= (before == after) | ((before != before) & (after != after))  # nothing known is the same, too
    copies: Index = np.sort(rows[order[1:][again]])
    return copies


def _combined(facts: Facts, starts: Index, entry: Entry) -> Facts:
    """Each key's rows as one, every column in its own way."""
    arrays: dict[str, Array] = {}
    size = len(facts)
    last = np.append(starts[1:], size) - 1
    for name, array in facts.arrays.items():
        column = facts.table.column(name)
        how = column.combine if column is not None else "mean"
        if name == "row" or name in facts.table.key:
            arrays[name] = array[starts]
        elif entry.repeats == "last" or how == "last":
            arrays[name] = _last_known(array, starts, last, facts.kind(name))
        elif entry.repeats == "mean" or how == "mean":
            arrays[name] = _mean(array, starts)
        elif how == "sum":
            arrays[name] = _sum(array, starts)
        elif how == "weighted":
            arrays[name] = (
                _weighted(array, np.abs(facts.arrays["quantity"].astype(np.float64)), starts)
                if "quantity" in facts.arrays
                else _mean(array, starts)
            )
        else:
            arrays[name] = (np.fmax if how == "max" else np.fmin).reduceat(array, starts)
    return Facts(facts.table, arrays)


def _sum(array: Array, starts: Index) -> Array:
    known = ~np.isnan(array)
    total = np.add.reduceat(np.where(known, array, 0.0), starts)
    return np.where(np.add.reduceat(known.astype(np.int32), starts) > 0, total, np.nan)


def _mean(array: Array, starts: Index) -> Array:
    known = ~np.isnan(array)
    count = np.add.reduceat(known.astype(np.int32), starts)
    return np.where(count > 0, np.add.reduceat(np.where(known, array, 0.0), starts) / np.maximum(count, 1), np.nan)


def _weighted(array: Array, weight: npt.NDArray[np.float64], starts: Index) -> Array:
    weight = np.where(np.isnan(array) | np.isnan(weight), 0.0, weight)
    total = np.add.reduceat(weight, starts)
    value = np.add.reduceat(np.where(weight > 0, array, 0.0) * weight, starts)
    return np.where(total > 0, value / np.where(total > 0, total, 1.0), _mean(array, starts))


def _last_known(array: Array, starts: Index, last: Index, kind: str) -> Array:
    known = ~np.isnan(array) if kind == "number" else (array != NO_DATE if kind == "date" else array >= 0)
    place = np.maximum.reduceat(np.where(known, np.arange(len(array)), -1), starts)
    return array[np.where(place >= 0, place, last)]


def mark_outliers(merged: Merged, factor: float) -> None:
    """A sale far above what its series usually sells: kept, marked, hidden from models."""
    facts = merged.facts
    quantity = facts.arrays["quantity"].astype(np.float64)
    marked = np.zeros(len(facts), bool)
    facts.arrays["outlier"] = marked
    if factor <= 0 or len(facts) == 0:
        return
    store, sku = facts.arrays["store"], facts.arrays["sku"]
    starts = np.flatnonzero(np.concatenate([[True], (store[1:] != store[:-1]) | (sku[1:] != sku[:-1])]))
    ends = np.append(starts[1:], len(facts))
    positive = quantity > 0
    most = np.fmax.reduceat(quantity, starts)
    # No median is below the least sale, so series without a sale that far above their least need no closer look.
    least = np.minimum.reduceat(np.where(positive, quantity, np.inf), starts)
    for series in np.flatnonzero(most > factor * least).tolist():
        span = slice(starts[series], ends[series])
        sold = quantity[span][positive[span]]
        if len(sold) >= LEAST_FOR_OUTLIER:
            marked[span] = quantity[span] > factor * np.median(sold)
    if marked.any():
        merged.counts["outlier"] = int(marked.sum())
        merged.events.append(("outlier", "quantity", facts.take(marked)))
