"""A business whose files are written line by line, and its dataset beside them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from invplat.data.dataset import Dataset
from invplat.data.ingest import Options, Outcome, append, ingest
from invplat.data.mapping import Mapping, load_mapping
from invplat.data.sources.locate import locate
from invplat.data.tables import TABLES
from invplat.storage import FolderStorage, Storage

TODAY = date(2026, 1, 31)


class Shop:
    tenant = "shop"

    def __init__(self, root: Path, storage: Storage | None = None) -> None:
        self.root = root
        self.storage: Any = storage or FolderStorage(root / "data")
        root.mkdir(parents=True, exist_ok=True)

    def file(self, name: str, *lines: str) -> Path:
        path = self.root / name
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    def ingest(self, *paths: Path | tuple[str, Path], mapping: Mapping | None = None, **options: Any) -> Outcome:
        return self._run(ingest, paths, mapping, options)

    def append(self, *paths: Path | tuple[str, Path], mapping: Mapping | None = None, **options: Any) -> Outcome:
        return self._run(append, paths, mapping, options)

    def _run(self, how: Any, paths: Sequence[Any], mapping: Mapping | None, options: dict[str, Any]) -> Outcome:
        named = [path if isinstance(path, tuple) else (None, path) for path in paths]
        sources = [(source, table) for table, path in named for source in locate([str(path)])]
        options.setdefault("today", TODAY)
        outcome: Outcome = how(
            self.storage, self.tenant, mapping or load_mapping("generic"), sources, Options(**options)
        )
        return outcome

    def dataset(self, version: int | None = None) -> Dataset:
        return Dataset.open(self.storage, self.tenant, version)

    def objects(self) -> list[str]:
        """Every key of the tenant, hidden leftovers too."""
        root = self.storage.root
        return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())

    def check(self, version: int | None = None) -> Dataset:
        """Whatever was done: files whole, rows accounted for, each store in the order of its key."""
        dataset = self.dataset(version)
        manifest = dataset.manifest
        assert manifest.counts.balanced
        for name, record in manifest.tables.items():
            assert record.counts.balanced, name
            assert sum(file.rows for file in record.files) == record.counts.rows_kept, name
            table = dataset.read(name)
            assert len(table) == record.counts.rows_kept, name
            key = [part for part in TABLES[name].key if part in table.column_names]
            rows = list(zip(*(table.column(part).to_pylist() for part in key), strict=True))
            assert len(set(rows)) == len(rows), f"{name}: a key twice"
        assert len(dataset.quarantine()) == manifest.counts.rows_quarantined
        return dataset


def rows(table: pa.Table, *columns: str) -> list[tuple[Any, ...]]:
    return list(zip(*(table.column(name).to_pylist() for name in columns), strict=True))
