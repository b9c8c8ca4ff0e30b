"""Facts of whole series put in order: sorted by key, copies dropped, repeats combined, outliers marked.

Pure arrays in, pure arrays out; the same facts in any order of arrival give the same result, because ties are
broken by where a fact came from. Knows nothing of files or of stores on disk.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from invplat.data.facts import NO_DATE, Array, Facts
from invplat.data.mapping import Entry
from invplat.data.vocabulary import Vocabulary

Index = npt.NDArray[np.intp]
LEAST_FOR_OUTLIER = 8  # sales before a series has a "usual"


@dataclass
class Merged:
    facts: Facts
    rows_merged: int = 0
    events: list[tuple[str, str, Facts]] = field(default_factory=list)  # rule, column, the rows it touched
    counts: dict[str, int] = field(default_factory=dict)


def sort_by_key(facts: Facts, vocabulary: Vocabulary) -> tuple[Facts, npt.NDArray[np.bool_]]:
    """Facts in key order, and where a new key begins."""
    if len(facts) == 0:
        return facts, np.zeros(0, bool)
    ranks: list[npt.NDArray[np.int64]] = []
    for name in facts.table.key:
        array = facts.arrays.get(name)
        if array is None:
            continue
        if facts.kind(name) == "date":
            known = np.where(array == NO_DATE, np.int64(0), array.astype(np.int64) + 1_000_000)
            ranks.append(known - known.min())
        else:
            ranks.append(vocabulary.ranks(array.astype(np.int32))[0][array].astype(np.int64))
    order, key = _order(ranks, facts.arrays["row"].astype(np.int64))
    facts = facts.take(order)
    if key is not None:
        first = np.empty(len(order), bool)
        first[0] = True
        np.not_equal(key[1:], key[:-1], out=first[1:])
        return facts, first
    first = np.zeros(len(order), bool)
    first[0] = True
    for rank in ranks:
        ordered = rank[order]
        first[1:] |= ordered[1:] != ordered[:-1]
    return facts, first


def _order(ranks: list[npt.NDArray[np.int64]], row: npt.NDArray[np.int64]) -> tuple[Index, npt.NDArray[np.uint64] | None]:
    """Positions by rank, ties by row. Packed into one integer the sort is several times faster than by columns."""
    size = len(row)
    if not (row[1:] >= row[:-1]).all():
        base = np.argsort(row, kind="stable")
    else:
        base = None
    widths = [int(rank.max()) + 1 for rank in ranks]
    space = 1
    for width in widths:
        space *= width
    bits = max(size - 1, 1).bit_length()
    if space << bits >= 1 << 63:
        keys = [rank for rank in reversed(ranks)]
        return np.lexsort([row, *keys]), None
    key = np.zeros(size, np.uint64)
    for rank, width in zip(ranks, widths, strict=True):
        key = key * np.uint64(width) + rank.astype(np.uint64)
    if base is not None:
        key = key[base]
    packed = (key << np.uint64(bits)) | np.arange(size, dtype=np.uint64)
    if not (packed[1:] > packed[:-1]).all():
        packed.sort()
    order = (packed & np.uint64((1 << bits) - 1)).astype(np.intp)
    return (order if base is None else base[order]), packed >> np.uint64(bits)


def merge(facts: Facts, entry: Entry, vocabulary: Vocabulary) -> Merged:
    facts, first = sort_by_key(facts, vocabulary)
    merged = Merged(facts)
    if len(facts) and not first.all():
        merged = _one_per_key(facts, first, entry)
    if facts.table.name == "sales":
        _mark_outliers(merged, entry.outlier)
    return merged


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
    frame = pl.DataFrame({"group": group, **{name: facts.arrays[name][rows] for name in facts.names if name not in facts.table.key}})
    kept = frame.with_row_index("place").unique(subset=frame.columns, keep="first", maintain_order=True)["place"].to_numpy()
    copy = np.ones(len(rows), bool)
    copy[kept] = False
    return rows[copy]


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
            arrays[name] = _weighted(array, np.abs(facts.arrays["quantity"].astype(np.float64)), starts) if "quantity" in facts.arrays else _mean(array, starts)
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


def _mark_outliers(merged: Merged, factor: float) -> None:
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
