"""A small dataset in memory for tests: the real reader over canonical tables, with no files and no ingest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from io import BytesIO
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from invplat.core.names import folder
from invplat.data.dataset import LOG_SCHEMA, Dataset, data_prefix
from invplat.data.manifest import Counts, DataFile, Manifest, TableRecord
from invplat.data.tables import TABLES

DAY0 = date(2024, 1, 1)  # a Monday
KINDS = {"date": pa.date32(), "number": pa.float64(), "flag": pa.float64(), "name": pa.string(), "text": pa.string()}


def day(number: int) -> date:
    return DAY0 + timedelta(days=number)


class MemoryStorage:
    url = "memory"

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def read(self, key: str) -> bytes:
        return self.objects[key]

    def write(self, key: str, data: bytes, *, durable: bool = True) -> None:
        self.objects[key] = data

    def settle(self) -> None:
        """Memory is as safe as it will ever be."""

    def create(self, key: str, data: bytes) -> bool:
        return self.objects.setdefault(key, data) is data

    def open(self, key: str) -> BinaryIO:
        return BytesIO(self.objects[key])

    def exists(self, key: str) -> bool:
        return key in self.objects

    def names(self, prefix: str) -> list[str]:
        inside = [key[len(prefix) + 1 :] for key in self.objects if key.startswith(prefix + "/")]
        return sorted({name.split("/")[0] for name in inside})

    def remove(self, prefix: str) -> None:
        self.objects = {key: data for key, data in self.objects.items() if not key.startswith(prefix)}


Rows = Sequence[Mapping[str, Any]]


def as_table(name: str, rows: Rows) -> pa.Table:
    """Rows as the writer stores them: ordered by key, sales with their outlier mark."""
    table = TABLES[name]
    columns = [column.name for column in table.columns if any(column.name in row for row in rows)]
    columns += sorted({key for row in rows for key in row} - set(columns) - {"outlier"})
    ordered = sorted(rows, key=lambda row: tuple(str(row.get(key)) for key in table.key))
    arrays = {}
    for column in columns:
        known = table.column(column)
        arrays[column] = pa.array([row.get(column) for row in ordered], KINDS[known.kind if known else "number"])
    if name == "sales":
        arrays["outlier"] = pa.array([bool(row.get("outlier", False)) for row in ordered])
    return pa.table(arrays)


def memory_dataset(
    tables: Mapping[str, Rows | pa.Table],
    *,
    frequency: str = "daily",
    gaps: str = "zero",
    known: Sequence[str] = (),
    quarantine: Rows = (),
) -> Dataset:
    storage = MemoryStorage()
    records: dict[str, TableRecord] = {}
    for name, given in tables.items():
        whole = given if isinstance(given, pa.Table) else as_table(name, given)
        stores = sorted(set(whole.column("store").to_pylist())) if TABLES[name].by_store else [""]
        files = []
        for store in stores:
            part = whole.filter(pa.compute.equal(whole.column("store"), store)) if store else whole
            key = f"write/{name}/{folder(store) if store else 'all'}/part.parquet"
            _put(storage, key, part)
            dates = sorted(part.column("date").to_pylist()) if name == "sales" else []
            span = (dates[0].isoformat(), dates[-1].isoformat()) if dates else ("", "")
            skus = len(set(part.column("sku").to_pylist())) if "sku" in part.column_names else 0
            files.append(DataFile(key, len(part), skus, 0, "", store, *span))
        records[name] = TableRecord(Counts(), tuple(whole.column_names), tuple(files))
    logs = []
    if quarantine:
        rows = [
            {
                "table": "sales",
                "file": "f.csv",
                "row": 1,
                "column": "quantity",
                "value": "?",
                "reason": "unparsable_number",
            }
            | dict(row)
            for row in quarantine
        ]
        _put(storage, "write/quarantine.parquet", pa.Table.from_pylist(rows, schema=LOG_SCHEMA))
        logs.append(DataFile("write/quarantine.parquet", len(rows), 0, 0, ""))
    manifest = Manifest(
        tenant="shop",
        version=1,
        parent=None,
        created="2024-01-01T00:00:00Z",
        code="0",
        mapping="generic",
        mapping_hash="",
        frequency=frequency,
        gaps=gaps,
        known=tuple(known),
        counts=Counts(),
        tables=records,
        rules={},
        sources=(),
        quarantine=tuple(logs),
        repairs=(),
    )
    return Dataset(storage, manifest)


def _put(storage: MemoryStorage, key: str, table: pa.Table) -> None:
    stream = BytesIO()
    pq.write_table(table, stream)
    storage.write(f"{data_prefix('shop')}/{key}", stream.getvalue())


def sales(
    sku: str, quantities: Sequence[float | None], *, store: str = "s1", first: int = 0, step: int = 1, **columns: Any
) -> list[dict[str, Any]]:
    """One row a day from day `first` on; None leaves the day without a row. A column is one value, or one a day."""
    rows = []
    for number, quantity in enumerate(quantities):
        if quantity is None:
            continue
        extra = {name: value[number] if isinstance(value, list) else value for name, value in columns.items()}
        rows.append({"store": store, "sku": sku, "date": day(first + number * step), "quantity": quantity, **extra})
    return rows
