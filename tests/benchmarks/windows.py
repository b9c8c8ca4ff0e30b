"""windows: one store of 1,000 series × 730 days, from its Parquet to windows as tensors: seconds and peak memory.

Nobody else's tool does this same step, so there is no other side: the figures stand beside the bare reading of the
same Parquet file, and the target is ours. Each stage is the median of several runs in one process; peak memory is of a
process of its own, less what its imports took.

    make bench NAME=windows
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from invplat.data.dataset import Dataset, data_prefix, versions_prefix
from invplat.data.manifest import Counts, DataFile, Manifest, TableRecord, to_json
from invplat.storage import FolderStorage

SERIES, DAYS = 1000, 730
PAST, HORIZON, BATCH = 56, 28, 1024
TARGET = 0.4  # seconds from Parquet to windows
FIRST_DAY = 19_723  # 2024-01-01
RUNS = 7
Answer = TypeVar("Answer")


def make_store(folder: Path) -> Dataset:
    """A made-up store as the dataset's writer lays it out."""
    random = np.random.default_rng(0)
    cells = SERIES * DAYS
    skus = pa.array([f"sku-{number:05d}" for number in range(SERIES)])
    sales = pa.table(
        {
            "store": pa.repeat("store-1", cells),
            "sku": pa.DictionaryArray.from_arrays(
                pa.array(np.repeat(np.arange(SERIES, dtype=np.int32), DAYS)), skus
            ).dictionary_decode(),
            "date": pa.array(np.tile(np.arange(FIRST_DAY, FIRST_DAY + DAYS, dtype=np.int32), SERIES)).view(pa.date32()),
            "quantity": random.poisson(3.0, cells).astype(float),
            "price": np.round(random.uniform(1, 9, cells), 2),
            "promotion": (random.random(cells) < 0.1).astype(float),
            "available": np.where(random.random(cells) < 0.02, 0.5, 1.0),
            "outlier": random.random(cells) < 0.001,
        }
    )
    products = pa.table(
        {
            "sku": skus,
            "category": [f"category-{number % 20}" for number in range(SERIES)],
            "unit_cost": random.uniform(1, 5, SERIES),
        }
    )
    storage = FolderStorage(folder)
    records = {}
    for name, table, store in (("sales", sales, "store-1"), ("products", products, "")):
        path = storage.path(f"{data_prefix('bench')}/{name}/part.parquet")
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, compression="zstd")
        span = ("2024-01-01", "2025-12-30") if store else ("", "")
        file = DataFile(f"{name}/part.parquet", len(table), SERIES, path.stat().st_size, "", store, *span)
        records[name] = TableRecord(Counts(), tuple(table.column_names), (file,))
    manifest = _manifest(records)
    storage.write(f"{versions_prefix('bench')}/{manifest.version:08d}.json", to_json(manifest))
    return Dataset(storage, manifest)


def _manifest(records: dict[str, TableRecord]) -> Manifest:
    return Manifest(
        tenant="bench",
        version=1,
        parent=None,
        created="",
        code="",
        mapping="generic",
        mapping_hash="",
        frequency="daily",
        gaps="zero",
        known=(),
        counts=Counts(),
        tables=records,
        rules={},
        sources=(),
        quarantine=(),
        repairs=(),
    )


def measure(dataset: Dataset, *, runs: int) -> dict[str, float]:
    """Seconds of each stage; `ready` is Parquet → panel → windows → a first batch."""
    import torch

    from invplat.data.assemble import build_panel
    from invplat.data.features import Recipe, featured
    from invplat.data.windows import windows

    torch.set_num_threads(1)
    seconds: dict[str, list[float]] = {}

    def timed(name: str, work: Callable[[], Answer]) -> Answer:
        began = time.perf_counter()
        answer = work()
        seconds.setdefault(name, []).append(time.perf_counter() - began)
        return answer

    count = 0
    for _ in range(runs):
        timed("bare_read", lambda: dataset.read("sales", "store-1"))
        panel = timed("panel", lambda: build_panel(dataset, "store-1", after=HORIZON))
        cut = timed("windows", lambda panel=panel: windows(panel, past=PAST, horizon=HORIZON))  # type: ignore[misc]
        which = torch.randint(0, len(cut), (BATCH,), generator=torch.Generator().manual_seed(0))
        timed("batch", lambda cut=cut, which=which: cut.batch(which))  # type: ignore[misc]
        timed("features", lambda panel=panel: featured(panel, Recipe(), dataset))  # type: ignore[misc]
        count = len(cut)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    medians["ready"] = medians["panel"] + medians["windows"] + medians["batch"]
    return {**medians, "count": count}


def peak_memory(folder: Path, stage: str) -> float:
    """MiB that one stage adds to a process which has everything imported."""
    program = [sys.executable, __file__, "--stage", stage, "--folder", str(folder)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    return float(done.stdout.strip().splitlines()[-1])


def run_stage(folder: Path, stage: str) -> None:
    import torch  # noqa: F401  (its own memory is not the stage's)

    from invplat.data.assemble import build_panel
    from invplat.data.windows import windows

    dataset = Dataset.open(FolderStorage(folder), "bench")
    before = _memory("VmRSS")
    panel = build_panel(dataset, "store-1", after=HORIZON)
    if stage == "windows":
        windows(panel, past=PAST, horizon=HORIZON).batch(range(BATCH))
    print(_memory("VmHWM") - before)


def _memory(field: str) -> float:
    """MiB from the kernel's own account; getrusage would count the parent's peak too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--stage", choices=("panel", "windows"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.stage:
        run_stage(given.folder, given.stage)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dataset = make_store(folder)
        ours = measure(dataset, runs=given.runs)
        for stage in ("panel", "windows"):
            ours[f"{stage}_peak_mib"] = peak_memory(folder, stage)
    print(f"one store, {SERIES:,} series × {DAYS} days, {ours['count']:,} windows of {PAST} + {HORIZON} days")
    for stage, about in (
        ("bare_read", "reading the same Parquet into Arrow, nothing more"),
        ("panel", "Parquet → panel"),
        ("windows", "panel → windows as tensors"),
        ("batch", f"a batch of {BATCH}"),
        ("ready", "panel + windows + batch"),
        ("features", "the default recipe of features, on top"),
    ):
        print(f"  {stage:10} {ours[stage] * 1000:8.1f} ms   {about}")
    for stage in ("panel", "windows"):
        print(f"  peak memory up to {stage}: {ours[f'{stage}_peak_mib']:.0f} MiB beyond the imports")
    rounded = {name: round(value, 4) for name, value in ours.items()}
    target = {"ready": TARGET}
    print(
        json.dumps({"name": "windows", "ours": rounded, "peers": {}, "target": target, "met": ours["ready"] <= TARGET})
    )


if __name__ == "__main__":
    main()
