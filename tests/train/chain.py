"""A chain of five unlike stores, kept in a folder as workers find it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from invplat.data.dataset import Dataset, versions_prefix
from invplat.data.manifest import to_json
from invplat.storage import FolderStorage
from tests.data.memory import MemoryStorage, day, memory_dataset, sales

DAYS = 120
SKUS = (7, 5, 3, 2, 1)  # of each store
ASKED = {"past": 14, "horizon": 7}


def chain(root: Path, *, skus: tuple[int, ...] = SKUS, days: int = DAYS) -> Dataset:
    draw = random.Random(5)
    rows: list[dict[str, Any]] = []
    for number, count in enumerate(skus):
        for sku in range(count):
            launch = days // 3 if (number + sku) % 4 == 3 else 0
            usual = [draw.randrange(2 + number, 8 + sku) * (2 if day % 7 > 4 else 1) for day in range(launch, days)]
            rows += sales(f"sku-{number}-{sku}" if sku > 1 else f"sku-{sku}", usual, store=f"s{number}", first=launch)
    receipts = [
        {"store": "s0", "sku": "sku-0", "ordered_on": day(n), "received_on": day(n + 2 + n % 3), "quantity": 9.0}
        for n in range(0, days - 10, 9)
    ]
    found = memory_dataset({"sales": rows, "receipts": receipts})
    return kept(found, root)


def kept(found: Dataset, root: Path) -> Dataset:
    storage, memory = FolderStorage(root), found.storage
    assert isinstance(memory, MemoryStorage)
    for key, data in memory.objects.items():
        storage.write(key, data)
    storage.write(f"{versions_prefix(found.tenant)}/{found.version:08d}.json", to_json(found.manifest))
    return Dataset.open(storage, found.tenant)
