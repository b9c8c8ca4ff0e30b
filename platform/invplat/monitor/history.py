"""How right forecasts were, kept as sums that can be added up: by model, category, step of the horizon and week.

One Parquet file a business in numbered versions: of two who write at once one wins, and the other begins again. The
file names the parts that are in it, so a part is counted once however often, and wherever, the work was broken off.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import polars as pl
import pyarrow.parquet as pq

from invplat.core.errors import Conflict
from invplat.monitor.facts import Facts
from invplat.monitor.matching import CELL, Matched, match, read_parts, settled
from invplat.monitor.silence import Unknown
from invplat.registry.database import Database
from invplat.registry.parts import PREDICTED, Part
from invplat.storage import Storage

KEYS = ("model", "category", "step", "week", "levels")
COUNTED = b"parts"  # in the file's metadata
TRIES = 5
PATIENCE = 14  # days that late data are waited for
KEPT = 2  # files of the past
WEEKS = 160  # that are remembered


@dataclass(frozen=True)
class History:
    sums: pl.DataFrame  # settled and open together
    matched: Matched  # what this look has brought together
    settled: int  # parts that were settled by it
    predictions: int  # rows that were ever given
    open: pl.DataFrame  # forecasts of which more is to come


def prefix(tenant: str) -> str:
    return f"tenants/{tenant}/monitor/accuracy"


def update(database: Database, storage: Storage, facts: Facts, unknown: Unknown | None = None) -> History:
    """Match what is new, write what is settled, and return all of it with what is still open."""
    for _ in range(TRIES):
        number, sums, known = _read(storage, facts.tenant)  # before the parts: what it names may be marked meanwhile
        parts = PREDICTED.of_tenant(database, facts.tenant, matched=False)
        done = [part for part in parts if part.id in known]  # written, but the last word was not said
        fresh = [part for part in parts if part.id not in known]
        unreadable: dict[str, str] = {}
        rows = read_parts(storage, fresh, unreadable)
        before = _counted_before(database, storage, facts.tenant, fresh, unreadable)
        found = match(facts, rows, before, unknown)
        found.unreadable = unreadable
        over = settled(fresh, found, facts.end, PATIENCE)
        closing = {part.id for part in over}
        if over:
            cells = found.cells.filter(pl.col("part").is_in(closing)) if len(found.cells) else found.cells
            whole = _added([sums, summed(cells)])
            named = {part.id for part in done} | closing  # the others are marked by now
            if not _write(storage, facts.tenant, number + 1, whole, named):
                continue  # another was first
            sums = whole
        if over or done:
            PREDICTED.match(database, facts.tenant, [part.id for part in (*over, *done)])
        still = found.cells.filter(~pl.col("part").is_in(closing)) if len(found.cells) else found.cells
        given = PREDICTED.rows_of(database, facts.tenant)
        left = rows.filter(~pl.col("part").is_in(closing)) if len(rows) else rows
        return History(_added([sums, summed(still)]), found, len(over), given, left)
    raise Conflict(f"others kept writing what was matched of {facts.tenant}", hint="run the command again")


def read(storage: Storage, tenant: str) -> pl.DataFrame:
    """What is settled."""
    return _read(storage, tenant)[1]


def _counted_before(
    database: Database, storage: Storage, tenant: str, fresh: Sequence[Part], unreadable: dict[str, str]
) -> pl.DataFrame | None:
    """Cells of parts that are settled and of the same model and days as a new one: a service that begins again says
    once more what it said."""
    spans = {(part.model, part.last) for part in fresh}
    if not spans:
        return None
    first = min(last for _, last in spans)
    old = PREDICTED.of_tenant(database, tenant, first=first, matched=True)
    rows = read_parts(storage, [part for part in old if (part.model, part.last) in spans], dict(unreadable))
    return rows.select(CELL).unique() if len(rows) else None


def summed(cells: pl.DataFrame) -> pl.DataFrame:
    """The sums of cells by week (its Monday), step, category, model and levels."""
    if not len(cells):
        return pl.DataFrame()
    there = pl.col("naive").is_not_nan()
    columns = [
        pl.len().cast(pl.Int64).alias("n"),
        pl.col("error").abs().sum().alias("abs_error"),
        pl.col("error").sum().alias("error"),
        (pl.col("error") ** 2).sum().alias("squared"),
        pl.col("actual").sum().alias("actual"),
        pl.when(there).then((pl.col("naive") - pl.col("actual")).abs()).otherwise(0.0).sum().alias("naive_error"),
        pl.when(there).then(pl.col("error").abs()).otherwise(0.0).sum().alias("beside_naive"),
    ]
    if "covered" in cells.columns:
        columns.append(pl.col("covered").sum().alias("covered"))
    columns += [pl.col(name).sum() for name in cells.columns if name.startswith("pinball_")]
    if "rank" in cells.columns:
        ranks = range(int(cells["rank"].max() or 0) + 1)  # type: ignore[arg-type]
        columns += [(pl.col("rank") == rank).sum().cast(pl.Int64).alias(f"rank_{rank}") for rank in ranks]
    return cells.with_columns(pl.col("date").dt.truncate("1w").alias("week")).group_by(KEYS).agg(columns)


def _added(tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    there = [table for table in tables if len(table)]
    if not there:
        return pl.DataFrame()
    whole = pl.concat(there, how="diagonal_relaxed")
    values = [name for name in whole.columns if name not in KEYS]
    return whole.group_by(KEYS).agg(pl.col(name).fill_null(0).sum() for name in values).sort(KEYS)


def _read(storage: Storage, tenant: str) -> tuple[int, pl.DataFrame, set[str]]:
    for _ in range(TRIES):
        names = [name for name in storage.names(prefix(tenant)) if name.endswith(".parquet")]
        if not names:
            return 0, pl.DataFrame(), set()
        last = max(names)
        try:
            data = storage.read(f"{prefix(tenant)}/{last}")
        except FileNotFoundError:  # another has written two more meanwhile
            continue
        metadata = pq.read_schema(BytesIO(data)).metadata or {}
        return int(last.split(".")[0]), pl.read_parquet(BytesIO(data)), set(json.loads(metadata.get(COUNTED, b"[]")))
    raise Conflict(f"others kept writing what was matched of {tenant}", hint="run the command again")


def _write(storage: Storage, tenant: str, number: int, sums: pl.DataFrame, parts: set[str]) -> bool:
    if len(sums):
        last = sums["week"].max()
        sums = sums.filter(pl.col("week") > pl.lit(last).dt.offset_by(f"-{WEEKS}w"))
    table = sums.to_arrow().replace_schema_metadata({COUNTED: json.dumps(sorted(parts)).encode()})
    sink = BytesIO()
    pq.write_table(table, sink, compression="zstd")
    if not storage.create(f"{prefix(tenant)}/{number:08d}.parquet", sink.getvalue()):
        return False
    for name in storage.names(prefix(tenant)):
        if name.endswith(".parquet") and int(name.split(".")[0]) <= number - KEPT:
            storage.remove(f"{prefix(tenant)}/{name}")
    return True
