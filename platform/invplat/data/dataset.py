"""A dataset: one tenant's canonical tables in one immutable version, read store by store.

Layout under the storage: tenants/T/datasets/versions/00000001.json and data/WRITE-ID/TABLE/STORE/part.parquet.
The manifest alone decides what belongs to a version. Reads only; `commit` and `ingest` write.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from invplat.core.errors import DatasetError
from invplat.core.names import check_tenant
from invplat.data.manifest import DataFile, Manifest, from_json
from invplat.data.tables import TABLES
from invplat.storage import Storage


def versions_prefix(tenant: str) -> str:
    return f"tenants/{check_tenant(tenant)}/datasets/versions"


def data_prefix(tenant: str) -> str:
    return f"tenants/{check_tenant(tenant)}/datasets/data"


def versions(storage: Storage, tenant: str) -> list[int]:
    """Every version of a tenant's dataset, oldest first."""
    names = storage.names(versions_prefix(tenant))
    return sorted(
        int(name.removesuffix(".json"))
        for name in names
        if name.endswith(".json") and name.removesuffix(".json").isdigit()
    )


class Dataset:
    def __init__(self, storage: Storage, manifest: Manifest) -> None:
        self.storage = storage
        self.manifest = manifest

    @classmethod
    def open(cls, storage: Storage, tenant: str, version: int | None = None) -> Dataset:
        there = versions(storage, tenant)
        if not there:
            raise DatasetError(
                f"tenant {tenant} has no dataset",
                hint=f"make one: invplat data ingest --tenant {tenant} --mapping generic FILES",
            )
        if version is None:
            version = there[-1]
        if version not in there:
            raise DatasetError(
                f"tenant {tenant} has no dataset version {version}", hint=f"there are {', '.join(map(str, there))}"
            )
        key = f"{versions_prefix(tenant)}/{version:08d}.json"
        return cls(storage, from_json(storage.read(key), key))

    @property
    def tenant(self) -> str:
        return self.manifest.tenant

    @property
    def version(self) -> int:
        return self.manifest.version

    @property
    def frequency(self) -> str:
        return self.manifest.frequency

    @cached_property
    def stores(self) -> list[str]:
        return self.manifest.stores

    def has(self, table: str) -> bool:
        return table in self.manifest.tables

    def columns(self, table: str) -> tuple[str, ...]:
        return self.manifest.tables[table].columns if self.has(table) else ()

    def read(self, table: str, store: str | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """One table, of one store or of all. Rows are ordered by key. An absent table is an empty one."""
        if table not in TABLES:
            raise DatasetError(f"there is no table {table!r}", hint=f"tables: {', '.join(TABLES)}")
        wanted = list(columns) if columns is not None else None
        parts = [self._part(file, wanted) for file in self._files(table, store)]
        if not parts:
            names = wanted or list(TABLES[table].required)
            return pa.table({name: pa.array([], pa.string()) for name in names})
        return pa.concat_tables(parts, promote_options="permissive")

    def each_store(self, table: str, columns: Sequence[str] | None = None) -> Iterator[tuple[str, pa.Table]]:
        """Store by store, one in memory at a time."""
        for store in sorted(self._by_store.get(table, {})):
            yield store, self.read(table, store, columns)

    def quarantine(self, store: str | None = None) -> pa.Table:
        """Rows that could not be used: table, file, row, column, value, reason; store, sku, date where known."""
        return self._log(self.manifest.quarantine, store)

    def repairs(self, store: str | None = None) -> pa.Table:
        """What was changed and why, the same columns as `quarantine`."""
        return self._log(self.manifest.repairs, store)

    def _log(self, files: Sequence[DataFile], store: str | None) -> pa.Table:
        parts = [self._part(file, None) for file in files]
        if store is not None:
            parts = [part.filter(pc.equal(part.column("store"), store)) for part in parts]
        return pa.concat_tables(parts) if parts else LOG_SCHEMA.empty_table()

    def _files(self, table: str, store: str | None) -> list[DataFile]:
        if not self.has(table):
            return []
        if store is None or not TABLES[table].by_store:
            return list(self.manifest.tables[table].files)
        if table == "sales" and store not in self._by_store["sales"]:
            raise DatasetError(
                f"tenant {self.tenant} has no store {store!r} in version {self.version}",
                hint="see them: invplat data describe",
            )
        return self._by_store[table].get(store, [])

    @cached_property
    def _by_store(self) -> dict[str, dict[str, list[DataFile]]]:
        found: dict[str, dict[str, list[DataFile]]] = {name: {} for name in self.manifest.tables}
        for name, record in self.manifest.tables.items():
            for file in record.files:
                found[name].setdefault(file.store, []).append(file)
        return found

    def _part(self, file: DataFile, columns: list[str] | None) -> pa.Table:
        reader = pq.ParquetFile(self._bytes(file))
        there = [name for name in columns if name in reader.schema_arrow.names] if columns is not None else None
        # One thread: stores are small, and a pool thread that drops our bytes while Python ends would abort it.
        return reader.read(columns=there, use_threads=False)

    def _bytes(self, file: DataFile) -> pa.BufferReader:
        try:
            return pa.BufferReader(self.storage.read(f"{data_prefix(self.tenant)}/{file.key}"))
        except FileNotFoundError as error:
            raise DatasetError(
                f"a data file of version {self.version} is gone: {file.key}",
                hint="restore it from a backup, or ingest again",
            ) from error


LOG_SCHEMA = pa.schema(
    [
        ("table", pa.string()),
        ("file", pa.string()),
        ("row", pa.int64()),
        ("column", pa.string()),
        ("value", pa.string()),
        ("reason", pa.string()),
        ("store", pa.string()),
        ("sku", pa.string()),
        ("date", pa.date32()),
    ]
)
