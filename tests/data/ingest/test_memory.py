"""Memory follows the budget, not the files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.data.ingest.shop import Shop

# What the run adds over a small one in the same process: imports and engines are paid once.
MEASURE = """
import resource, sys
from datetime import date
from invplat.data.ingest import Options, ingest
from invplat.data.mapping import load_mapping
from invplat.data.sources.locate import locate
from invplat.storage import open_storage
def run(tenant, path):
    sources = [(source, "sales") for source in locate([path])]
    ingest(open_storage(sys.argv[1]), tenant, load_mapping("generic"), sources, Options(budget=4 << 20))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
run("warm", sys.argv[2])
print(run("shop", sys.argv[3]))
"""


def write(shop: Shop, name: str, count: int) -> Path:
    path = shop.root / name
    with path.open("w") as file:
        file.write("store,sku,date,quantity,price\n")
        for n in range(count // 1000):
            day = f"2025-{1 + n // 28 % 12:02d}-{1 + n % 28:02d}"
            file.writelines(
                f"{store},{sku},{day},{(n * sku) % 7},{sku}.5\n" for store in range(10) for sku in range(100)
            )
    return path


@pytest.mark.slow
def test_four_times_the_rows_take_no_more_memory(shop: Shop) -> None:
    small, few, many = write(shop, "w.csv", 20_000), write(shop, "few.csv", 300_000), write(shop, "many.csv", 1_200_000)
    peaks = []
    for path in (few, many):
        args = [sys.executable, "-c", MEASURE, str(shop.root / path.stem), str(small), str(path)]
        peaks.append(int(subprocess.run(args, check=True, capture_output=True, text=True).stdout))
    assert peaks[1] < 1.3 * peaks[0]
