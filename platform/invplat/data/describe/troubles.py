"""What cleaning did, rule by rule with examples, and what a dataset lacks. Logs are read in pieces, never whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import polars as pl
import pyarrow.parquet as pq

from invplat.data.dataset import Dataset, data_prefix
from invplat.data.describe.description import Absent, Example, Trouble
from invplat.data.manifest import DataFile
from invplat.data.rules import ALL, MERGE, REPAIR

EXAMPLES = 3
LONGEST = 80  # characters of a value that is shown
READ_AT_ONCE = 100_000  # lines of a log

LACKING_TABLES = {
    "stock": "what is on the shelf is unknown: orders need the stock on hand from elsewhere, dead stock stays unseen",
    "receipts": "lead times are unknown: order quantities rest on a lead time that you state",
    "products": "a product is only a number: no categories to learn across, no costs, no pack sizes",
    "stores": "a store is only a name: cities, regions and types can't explain how stores differ",
    "events": "holidays and campaigns of your own are unknown: their peaks look like chance",
    "signals": "weather, prices at large and trends can't help to explain demand",
    "invoices": "what it costs to place an order is unknown: economic order quantities rest on a cost that you state",
}
LACKING_COLUMNS = {
    ("sales", "price"): "what customers paid is unknown: no price response, no revenue",
    ("sales", "promotion"): "promotions are unknown: their peaks look like chance, and planned ones can't be forecast",
    ("sales", "available"): "out-of-stock periods can't be told from periods without demand",
    ("receipts", "supplier"): "lead times can't be told apart by supplier",
    ("products", "category"): "nothing to group products by: a new product can't borrow from its like",
    ("products", "unit_cost"): "what a unit costs is unknown: holding cost and margins rest on figures that you state",
    ("products", "shelf_life"): "spoilage is not counted: fresh products may be ordered too generously",
    ("products", "pack"): "orders are in single units, not in the packs that suppliers sell",
}


def quarantined(dataset: Dataset) -> tuple[Trouble, ...]:
    counts, examples = _read(dataset, dataset.manifest.quarantine)
    return _by_size([_trouble(*key, count, examples[key]) for key, count in counts.items()])


def repaired(dataset: Dataset) -> tuple[Trouble, ...]:
    """Counts come from the manifest, which counts each repair; the log may hold only some of them as examples."""
    logged, examples = _read(dataset, dataset.manifest.repairs)
    found = []
    for table, rule, total in _counted(dataset, REPAIR):
        keys = [key for key in logged if key[0] == rule and table in ("", key[1])]
        if keys and sum(logged[key] for key in keys) == total:
            found += [_trouble(*key, logged[key], examples[key]) for key in keys]
        else:
            first = max(keys, key=lambda key: logged[key], default=(rule, table, ""))
            found.append(_trouble(*first, total, examples.get(first, ())))
    return _by_size(found)


def merged(dataset: Dataset) -> tuple[Trouble, ...]:
    return _by_size([_trouble(rule, table, "", total, ()) for table, rule, total in _counted(dataset, MERGE)])


def _counted(dataset: Dataset, rules: Mapping[str, str]) -> list[tuple[str, str, int]]:
    """Table, rule and count of everything that the manifest counted; it writes the two names as "table.rule"."""
    found = []
    for name, total in dataset.manifest.rules.items():
        table, _, rule = name.rpartition(".")
        if rule in rules and total:
            found.append((table, rule, total))
    return found


def _by_size(found: Iterable[Trouble]) -> tuple[Trouble, ...]:
    return tuple(sorted(found, key=lambda trouble: (-trouble.count, trouble.rule, trouble.table, trouble.column)))


def absent(dataset: Dataset) -> tuple[Absent, ...]:
    """Tables and columns that are not there, and what each costs."""
    lacking = [Absent(table, "", costs) for table, costs in LACKING_TABLES.items() if not _filled(dataset, table)]
    tables = {item.table for item in lacking}
    for (table, column), costs in LACKING_COLUMNS.items():
        there = dataset.columns(table)
        excused = (column == "available" and "stock" not in tables) or (column == "promotion" and "discount" in there)
        if table not in tables and column not in there and not excused:
            lacking.append(Absent(table, column, costs))
    return tuple(lacking)


def _filled(dataset: Dataset, table: str) -> bool:
    return dataset.has(table) and any(file.rows for file in dataset.manifest.tables[table].files)


Key = tuple[str, str, str]


def _read(dataset: Dataset, files: Sequence[DataFile]) -> tuple[dict[Key, int], dict[Key, tuple[Example, ...]]]:
    counts: dict[Key, int] = {}
    examples: dict[Key, tuple[Example, ...]] = {}
    for file in files:
        with dataset.storage.open(f"{data_prefix(dataset.tenant)}/{file.key}") as stream:
            # One thread: a pool thread that still holds a Python stream while Python ends would abort the program.
            for batch in pq.ParquetFile(stream).iter_batches(READ_AT_ONCE, use_threads=False):
                frame = pl.DataFrame(pl.from_arrow(batch))
                for name, part in frame.group_by(["reason", "table", "column"], maintain_order=True):
                    key = (str(name[0] or ""), str(name[1] or ""), str(name[2] or ""))
                    counts[key] = counts.get(key, 0) + len(part)
                    before = examples.get(key, ())
                    few = part.head(EXAMPLES - len(before)).to_dicts()
                    examples[key] = before + tuple(_example(row) for row in few)
    return counts, examples


def _example(row: dict[str, object]) -> Example:
    value = "" if row["value"] is None else str(row["value"])
    day = row["date"]
    parts = [row["store"], row["sku"], day.isoformat() if isinstance(day, date) else None]
    number = row["row"]
    return Example(
        value=value if len(value) <= LONGEST else value[: LONGEST - 1] + "…",
        file=str(row["file"] or ""),
        row=number if isinstance(number, int) else None,
        where=" · ".join(str(part) for part in parts if part),
    )


def _trouble(rule: str, table: str, column: str, count: int, examples: tuple[Example, ...]) -> Trouble:
    return Trouble(rule, ALL.get(rule, rule.replace("_", " ")), table, column, count, examples)
