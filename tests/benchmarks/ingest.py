"""Yardstick `ingest`: a sales CSV of a million rows and more becomes a validated, cleaned, store-partitioned dataset.

Against pandas doing the same work (read, validate, quarantine with row numbers, drop copies, combine repeats, mark
outliers, one Parquet file a store) and DuckDB's bare CSV → partitioned Parquet, which checks nothing. Every run is a
process of its own, sides alternating; a side's own imports are not timed, for anyone. Options: --rows, --runs, --large.

    make bench NAME=ingest
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PEERS = Path(__file__).parent / "peers"


def make_csv(path: Path, rows: int, seed: int = 1) -> None:
    """A till's export, in the order of time, with about one row in 200 wrong in some way."""
    import numpy as np
    import polars as pl

    stores, skus = 100, 50
    days = max(1, rows // (stores * skus))
    random = np.random.default_rng(seed)
    count = stores * skus * days
    frame = pl.DataFrame(
        {
            "store": np.tile(np.repeat(np.arange(stores), skus), days),
            "sku": np.tile(np.arange(skus), stores * days),
            "date": np.repeat(np.datetime64("2020-01-01") + np.arange(days), stores * skus),
            "quantity": random.poisson(random.gamma(1.5, 3, stores * skus)[None, :], (days, stores * skus)).ravel(),
            "price": np.round(
                np.tile(random.uniform(1, 30, skus), stores * days) * random.choice([1, 0.8], count, p=[0.9, 0.1]), 2
            ),
            "promotion": (random.random(count) < 0.1).astype(np.int8),
        }
    )
    wrong = random.random(count)
    frame = frame.with_columns(
        store=pl.format("store-{}", "store"),
        sku=pl.format("SKU{}", "sku"),
        date=pl.when(pl.Series(wrong < 0.001)).then(pl.lit("31/31/2020")).otherwise(pl.col("date").cast(pl.String)),
        quantity=pl.when(pl.Series((wrong > 0.001) & (wrong < 0.002)))
        .then(pl.lit("12abc"))
        .when(pl.Series((wrong > 0.002) & (wrong < 0.004)))
        .then(pl.lit("-2"))
        .otherwise(pl.col("quantity").cast(pl.String)),
        price=pl.when(pl.Series((wrong > 0.004) & (wrong < 0.005))).then(0.0).otherwise(pl.col("price")),
    )
    pl.concat([frame, frame.slice(1000, count // 1000)]).write_csv(path)


def make_elsewhere(path: Path, rows: int) -> None:
    """In a process that ends: a child's peak memory counts from what its parent held when it was born."""
    subprocess.run([sys.executable, __file__, "--make", str(path), "--rows", str(rows)], check=True)


def measure(side: str, csv: Path) -> tuple[float, float, tuple[int, ...]]:
    """Seconds, peak megabytes and row counts of one run in a process of its own.

    Into a folder of its own, which stays until the end: for some seconds after files were removed, ext4 takes up to
    thirty times as long to make one, for whoever comes next.
    """
    target = Path(tempfile.mkdtemp(prefix=side, dir=csv.parent)) / "target"
    done = subprocess.run(
        [sys.executable, str(PEERS / f"ingest_{side}.py"), str(csv), str(target)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"a side failed:\n{done.stderr}")
    seconds, megabytes, *rows = done.stdout.split()[-5:]
    os.sync()  # the next run is not to wait for what this one left to write
    return float(seconds), float(megabytes), tuple(int(float(count)) for count in rows)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--large", type=int, default=12_000_000, help="rows of the memory check; 0 leaves it out")
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.make:
        return make_csv(chosen.make, chosen.rows)
    with tempfile.TemporaryDirectory(prefix="invplat-bench-") as folder:
        csv = Path(folder) / "sales.csv"
        make_elsewhere(csv, chosen.rows)
        print(f"{chosen.rows:,} rows, {csv.stat().st_size / 1e6:.0f} MB, {chosen.runs} runs a side, alternating")
        sides = ("ours", "pandas", "duckdb")
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        peak: dict[str, float] = {}
        counts: dict[str, tuple[int, ...]] = {}
        for _ in range(chosen.runs):
            for name in sides:
                taken, megabytes, counts[name] = measure(name, csv)
                seconds[name].append(taken)
                peak[name] = max(peak.get(name, 0.0), megabytes)
        median = {name: statistics.median(times) for name, times in seconds.items()}
        for name in sides:
            times = seconds[name]
            print(f"{name:<8} {median[name]:7.2f} s  ({min(times):.2f} to {max(times):.2f})  peak {peak[name]:6.0f} MB")
        if counts["ours"] != counts["pandas"]:
            raise SystemExit(
                f"the sides disagree (kept, quarantined, merged): ours {counts['ours']}, pandas {counts['pandas']}"
            )
        print(f"both kept {counts['ours'][0]:,}, quarantined {counts['ours'][1]:,}, merged {counts['ours'][2]:,} rows")
        pandas_ratio = statistics.median(
            theirs / mine for theirs, mine in zip(seconds["pandas"], seconds["ours"], strict=True)
        )
        duckdb_ratio = statistics.median(
            mine / theirs for theirs, mine in zip(seconds["duckdb"], seconds["ours"], strict=True)
        )
        memory_ratio = None
        if chosen.large:
            make_elsewhere(csv, chosen.large)
            taken, megabytes, _ = measure("ours", csv)
            duck, duck_megabytes, _ = measure("duckdb", csv)
            memory_ratio = megabytes / peak["ours"]
            print(
                f"{chosen.large:,} rows: ours {taken:.2f} s, peak {megabytes:.0f} MB; "
                f"duckdb {duck:.2f} s, peak {duck_megabytes:.0f} MB"
            )
    met = pandas_ratio >= 5 and duckdb_ratio <= 3 and (memory_ratio is None or memory_ratio <= 1.3)
    print(
        json.dumps(
            {
                "name": "ingest",
                "ours": {
                    "seconds": round(median["ours"], 3),
                    "peak_mb": round(peak["ours"]),
                    "memory_large_over_small": memory_ratio and round(memory_ratio, 3),
                },
                "peers": {
                    "pandas": {"seconds": round(median["pandas"], 3), "times_ours": round(pandas_ratio, 2)},
                    "duckdb": {"seconds": round(median["duckdb"], 3), "ours_times_it": round(duckdb_ratio, 2)},
                },
                "target": {"pandas": ">= 5", "duckdb": "<= 3", "memory": "<= 1.3"},
                "met": met,
            }
        )
    )


if __name__ == "__main__":
    main()
