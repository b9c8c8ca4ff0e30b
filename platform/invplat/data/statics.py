"""What does not change with time: attributes of the products and of the store, one row a series.

Numbers are arrays, with an indicator where one may be unknown; texts stay as they are: encoding is fitted elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from invplat.data.dataset import Dataset
from invplat.data.dense import Floats, numbers
from invplat.data.tables import TABLES

Texts = tuple[str | None, ...]


@dataclass(frozen=True)
class Statics:
    names: tuple[str, ...]
    values: Floats  # series × names; unknown is 0 and its indicator X_known is 0
    texts: Mapping[str, Texts]  # sku, store, category, brand, …; None where not known

    def column(self, name: str) -> Floats:
        return self.values[:, self.names.index(name)]


def read_statics(dataset: Dataset, store: str, skus: Sequence[str]) -> Statics:
    columns: dict[str, Floats] = {}
    texts: dict[str, Texts] = {"sku": tuple(skus), "store": (store,) * len(skus)}
    for table, key, wanted, prefix in (
        ("products", "sku", list(skus), ""),
        ("stores", "store", [store] * len(skus), "store_"),
    ):
        if not dataset.has(table):
            continue
        rows = dataset.read(table)
        place = {name: row for row, name in enumerate(rows.column(key).to_pylist())}
        take = np.array([place.get(name, -1) for name in wanted], np.int64)
        for name in dataset.columns(table):
            if name in (key, "name"):
                continue
            if _is_text(table, name):
                texts[prefix + name] = _taken_texts(rows, name, take)
            else:
                columns.update(_taken_numbers(rows, name, take, prefix))
    names = tuple(columns)
    values = np.stack([columns[name] for name in names], axis=1) if names else np.zeros((len(skus), 0), np.float32)
    return Statics(names, values, texts)


def _is_text(table: str, name: str) -> bool:
    column = TABLES[table].column(name)
    return column is not None and column.kind in ("text", "name")


def _taken_texts(rows: pa.Table, name: str, take: Any) -> Texts:
    found = [*(rows.column(name).to_pylist() if name in rows.column_names else [None] * len(rows)), None]
    return tuple(found[row] for row in take.tolist())


def _taken_numbers(rows: pa.Table, name: str, take: Any, prefix: str) -> dict[str, Floats]:
    found = numbers(rows.column(name)) if name in rows.column_names else np.full(len(rows), np.nan)
    values = np.append(found, np.nan)[take]
    known = np.isfinite(values)
    return {
        prefix + name: np.where(known, values, 0.0).astype(np.float32),
        f"{prefix}{name}_known": known.astype(np.float32),
    }
