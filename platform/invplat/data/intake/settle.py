"""Whole series of one table become files of a version: merged, held against products and stores, joined to what was.

The same function settles a bucket in this process or in a task on a cluster.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from invplat.data.dataset import Dataset
from invplat.data.intake.aside import PART, Aside
from invplat.data.intake.commit import Writer
from invplat.data.intake.facts import ROW_BITS, Facts, concatenate, from_arrow, ordered_names
from invplat.data.intake.log import LIMIT, Line, Log
from invplat.data.intake.merge import Merged, mark_outliers, merge, sort_by_key
from invplat.data.intake.spill import Piece
from invplat.data.intake.vocabulary import Vocabulary
from invplat.data.manifest import DataFile
from invplat.data.mapping import Entry


@dataclass(frozen=True)
class Context:
    """What settling needs to know beside the facts."""

    entry: Entry  # the table's first entry: its rules hold for the table
    files: tuple[str, ...]  # source names by index, for the log
    parent: Dataset | None  # append: the version to join
    skus: frozenset[str] | None  # what products lists; None: no products table
    stores: frozenset[str] | None


@dataclass
class Settled:
    files: list[DataFile] = field(default_factory=list)
    rows_new: int = 0  # rows kept of the facts that came in
    rows_merged: int = 0
    rows_replaced: int = 0  # rows of the parent that newer facts took the place of
    rows_quarantined: int = 0
    columns: dict[str, None] = field(default_factory=dict)
    log: Log = field(default_factory=Log)
    pending: list[Future[DataFile]] = field(default_factory=list)

    def add(self, other: Settled) -> None:
        self.files += other.files
        self.rows_new += other.rows_new
        self.rows_merged += other.rows_merged
        self.rows_replaced += other.rows_replaced
        self.rows_quarantined += other.rows_quarantined
        self.columns.update(other.columns)
        self.log.add(other.log)
        self.pending += other.pending

    def finished(self) -> Settled:
        """Wait for the files still being written."""
        self.files += [job.result() for job in self.pending]
        self.pending = []
        return self


def settle(piece: Piece, context: Context, vocabulary: Vocabulary, writer: Writer, aside: Aside) -> Settled:
    facts, result = piece.facts, Settled()
    if facts.table.name == "sales":
        facts = _known_skus(facts, context, vocabulary, result, writer, aside)
    for merged in merge(facts, context.entry, vocabulary):
        result.rows_merged += merged.rows_merged
        result.rows_new += len(merged.facts)
        for rule, count in merged.counts.items():
            result.log.counts[f"{facts.table.name}.{rule}"] += count
        for rule, column, rows in merged.events:
            _note(result.log, rule, column, rows, context, vocabulary)
        for store, part in _by_store(merged.facts, vocabulary):
            _finish(replace(piece, facts=part), store, context, vocabulary, result, writer)
    if (
        context.parent is not None and piece.cut and not result.pending
    ):  # all refused: the parent's rows of this part stay
        store = vocabulary.names[int(piece.facts.arrays["store"][0])]
        _finish(replace(piece, facts=facts.take(slice(0, 0))), store, context, vocabulary, result, writer)
    return result


def _finish(
    piece: Piece, store: str, context: Context, vocabulary: Vocabulary, result: Settled, writer: Writer
) -> None:
    whole = _join(piece, store, context, vocabulary, result) if context.parent is not None else piece.facts
    if len(whole) == 0:
        return
    if whole.table.name == "sales":
        _say_returned(whole)
    result.columns.update(dict.fromkeys(ordered_names(whole)))
    result.pending.append(writer.put(whole, vocabulary, store))


def _say_returned(facts: Facts) -> None:
    """Where nothing was said of returns, nothing came back."""
    known = facts.arrays.get("returned")
    if known is None:
        facts.arrays["returned"] = np.zeros(len(facts))
    elif (unsaid := np.isnan(known)).any():
        facts.arrays["returned"] = np.where(unsaid, 0.0, known)


def _by_store(facts: Facts, vocabulary: Vocabulary) -> list[tuple[str, Facts]]:
    if not facts.table.by_store:
        return [("", facts)] if len(facts) else []
    store = facts.arrays["store"]
    starts = np.flatnonzero(np.concatenate([[True], store[1:] != store[:-1]])) if len(store) else np.zeros(0, np.intp)
    ends = np.append(starts[1:], len(store))
    return [
        (vocabulary.names[int(store[start])], facts.take(slice(start, end)))
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]


def _join(piece: Piece, store: str, context: Context, vocabulary: Vocabulary, result: Settled) -> Facts:
    """New rows beside the parent's; where both speak of one key, the new one counts."""
    new = piece.facts
    assert context.parent is not None  # the caller looked
    if not context.parent.has(new.table.name) or (
        store and store not in {file.store for file in context.parent.manifest.tables[new.table.name].files}
    ):
        return new
    old = _within(
        from_arrow(context.parent.read(new.table.name, store or None), new.table, vocabulary), piece, vocabulary
    )
    for facts in (old, new):
        facts.arrays.pop("outlier", None)
    both = concatenate([old, new])
    if len(both) == 0:
        return both
    order, first = sort_by_key(both, vocabulary)
    last = np.append(first[1:], True)
    replaced = len(both) - int(last.sum())
    if replaced:
        result.rows_replaced += replaced
        result.log.counts[f"{new.table.name}.replaced"] += replaced
    whole = both.take(order[last])
    if new.table.name == "sales":
        marked = Merged(whole)
        mark_outliers(marked, context.entry.outlier)
    return whole


def _within(old: Facts, piece: Piece, vocabulary: Vocabulary) -> Facts:
    """Of a store that was cut: the parent's rows of the same SKUs."""
    if not piece.cut:
        return old
    names = vocabulary.texts(np.arange(len(vocabulary), dtype=np.int32))
    inside = [
        (piece.after is None or name > piece.after) and (piece.upto is None or name <= piece.upto)
        for name in names
        if name is not None
    ]
    return old.take(np.array(inside, bool)[old.arrays["sku"]])


def _known_skus(
    facts: Facts, context: Context, vocabulary: Vocabulary, result: Settled, writer: Writer, aside: Aside
) -> Facts:
    keep = np.ones(len(facts), bool)
    for name, listed, rule in (("store", context.stores, "unknown_store"), ("sku", context.skus, "unknown_sku")):
        if listed is None:
            continue
        codes = facts.arrays[name]
        present = np.unique(codes)
        strange = present[[vocabulary.names[code] not in listed for code in present.tolist()]]
        if len(strange) == 0:
            continue
        place = np.zeros(len(vocabulary) + 1, bool)
        place[strange] = True
        which = place[codes]
        if name == "sku" and context.entry.unknown_sku == "quarantine":
            refused = facts.take(which)
            result.rows_quarantined += len(refused)
            result.log.counts["sales.unknown_sku_refused"] += len(refused)
            for start in range(0, len(refused), PART):
                aside.add(
                    lines("unknown_sku_refused", "sku", refused.take(slice(start, start + PART)), context, vocabulary),
                    writer,
                )
            keep &= ~which
        else:
            rows = facts.take(which)
            result.log.counts[f"sales.{rule}"] += len(rows)
            _note(result.log, rule, name, rows, context, vocabulary)
    return facts if keep.all() else facts.take(keep)


def _note(log: Log, rule: str, column: str, rows: Facts, context: Context, vocabulary: Vocabulary) -> None:
    if len(rows) > LIMIT:
        rank = np.argsort(
            np.argsort(np.array(context.files))
        )  # the log is cut by file name and row, however the rows came
        row = rows.arrays["row"].astype(np.int64)
        place = (rank[row >> ROW_BITS] << ROW_BITS) | (row & ((1 << ROW_BITS) - 1))
        rows = rows.take(np.argpartition(place, LIMIT)[:LIMIT])
    log.keep(lines(rule, column, rows, context, vocabulary))


def lines(rule: str, column: str, rows: Facts, context: Context, vocabulary: Vocabulary) -> list[Line]:
    """The log's lines for rows already parsed; their file and number are packed in `row`."""
    size = len(rows)
    place = rows.arrays["row"].astype(np.int64)
    files, numbers = (place >> ROW_BITS).tolist(), (place & ((1 << ROW_BITS) - 1)).tolist()
    names: dict[str, list[str | None]] = {}
    for name in ("store", "sku"):
        names[name] = vocabulary.texts(rows.arrays[name].astype(np.int32)) if name in rows.arrays else [None] * size
    days: npt.NDArray[Any] | None = rows.arrays.get("date")
    values = _values(rows, column, names)
    return [
        Line(rows.table.name, context.files[file], number, column, value, rule, store, sku, day)
        for file, number, value, store, sku, day in zip(
            files,
            numbers,
            values,
            names["store"],
            names["sku"],
            days.tolist() if days is not None else [None] * size,
            strict=True,
        )
    ]


def _values(rows: Facts, column: str, names: dict[str, list[str | None]]) -> list[str | None]:
    if column in names:
        return names[column]
    array = rows.arrays.get(column)
    return [None] * len(rows) if array is None else [f"{value:g}" for value in array.tolist()]


def tally(counts: Counter[str]) -> dict[str, int]:
    return {rule: counts[rule] for rule in sorted(counts) if counts[rule]}
