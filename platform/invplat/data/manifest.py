"""The manifest: what a dataset version consists of. A version exists when, and only when, its manifest does.

One JSON file a version; it names every data file, so versions share untouched files and nothing half-written is seen.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from invplat.core.errors import DatasetError

SCHEMA = 1
PLAIN: dict[str, Any] = {"ensure_ascii": False, "default": vars}  # to json: records in records as their fields


@dataclass(frozen=True)
class DataFile:
    key: str  # where the bytes are, under the tenant's datasets
    rows: int
    series: int
    bytes: int
    hash: str
    store: str = ""  # empty for tables that are not by store
    start: str = ""  # ISO dates, empty where the table has none
    end: str = ""


@dataclass(frozen=True)
class Counts:
    rows_in: int = 0
    rows_kept: int = 0
    rows_merged: int = 0
    rows_quarantined: int = 0

    def plus(self, other: Counts) -> Counts:
        return Counts(
            self.rows_in + other.rows_in,
            self.rows_kept + other.rows_kept,
            self.rows_merged + other.rows_merged,
            self.rows_quarantined + other.rows_quarantined,
        )

    @property
    def balanced(self) -> bool:
        return self.rows_in == self.rows_kept + self.rows_merged + self.rows_quarantined


@dataclass(frozen=True)
class TableRecord:
    counts: Counts
    columns: tuple[str, ...]
    files: tuple[DataFile, ...]


@dataclass(frozen=True)
class SourceRecord:
    name: str  # as the person gave it, secrets hidden
    table: str
    fingerprint: str
    rows: int
    bytes: int


@dataclass(frozen=True)
class Manifest:
    tenant: str
    version: int
    parent: int | None
    created: str  # ISO time, UTC
    code: str  # invplat's version
    mapping: str
    mapping_hash: str
    frequency: str
    gaps: str
    known: tuple[str, ...]
    counts: Counts  # over the whole lineage: every row ever read into this version
    tables: dict[str, TableRecord]
    rules: dict[str, int]
    sources: tuple[SourceRecord, ...]
    quarantine: tuple[DataFile, ...]
    repairs: tuple[DataFile, ...]
    notes: tuple[str, ...] = ()
    schema: int = SCHEMA
    content_hash: str = field(default="")

    @property
    def stores(self) -> list[str]:
        return sorted({file.store for file in self.tables["sales"].files})

    @property
    def series(self) -> int:
        return sum(file.series for file in self.tables["sales"].files)

    @property
    def start(self) -> str:
        return min((file.start for file in self.tables["sales"].files if file.start), default="")

    @property
    def end(self) -> str:
        return max((file.end for file in self.tables["sales"].files if file.end), default="")

    def summary(self) -> dict[str, Any]:
        """What `data ingest --json` prints of a whole version."""
        return {
            **asdict(self.counts),
            "dataset_version": self.version,
            "stores": len(self.stores),
            "series": self.series,
            "start": self.start,
            "end": self.end,
        }


def content_hash(tables: dict[str, TableRecord]) -> str:
    """The same rows give the same hash, whenever and wherever they were written."""
    lines = sorted(f"{name}\0{file.store}\0{file.hash}" for name, record in tables.items() for file in record.files)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def to_json(manifest: Manifest) -> bytes:
    """A line for each of its entries: the encoder is Python's slow one where it is to indent all of them."""
    lines = (f"{json.dumps(name)}: {json.dumps(value, **PLAIN)}" for name, value in vars(manifest).items())
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def from_json(data: bytes, where: str) -> Manifest:
    try:
        raw = json.loads(data)
        if raw["schema"] <= SCHEMA:
            return _manifest(raw)
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{where} is not a dataset manifest", hint="the file was damaged; use another version"
        ) from error
    raise DatasetError(
        f"{where} has schema {raw['schema']}, this invplat knows {SCHEMA}", hint="upgrade invplat to read it"
    )


def _manifest(raw: dict[str, Any]) -> Manifest:
    tables = {
        name: TableRecord(Counts(**record["counts"]), tuple(record["columns"]), _files(record["files"]))
        for name, record in raw["tables"].items()
    }
    return Manifest(
        **{
            **raw,
            "counts": Counts(**raw["counts"]),
            "tables": tables,
            "sources": tuple(SourceRecord(**item) for item in raw["sources"]),
            "quarantine": _files(raw["quarantine"]),
            "repairs": _files(raw["repairs"]),
            "known": tuple(raw["known"]),
            "notes": tuple(raw["notes"]),
        }
    )


def _files(items: list[dict[str, Any]]) -> tuple[DataFile, ...]:
    return tuple(DataFile(**item) for item in items)
