"""Yardstick `ingest`: a sales CSV of a million rows and more becomes a validated, cleaned, store-partitioned dataset.

Against pandas doing the same work (read, validate, quarantine with row numbers, drop copies, combine repeats, mark
outliers, one Parquet file a store) and DuckDB's bare CSV → partitioned Parquet, which checks nothing. Every run is a
process of its own, sides alternating; a side's own imports are not timed, for anyone. Options: --rows, --runs, --large.

    make bench NAME=ingest
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

# What a process itself held at most; ru_maxrss would count what its parent held when it was born.
PEAK = """
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
"""

OURS = """
import sys, time
from pathlib import Path
import pyarrow.compute, pyarrow.parquet, polars
from invplat.data.ingest import ingest
from invplat.data.mapping import load_mapping
from invplat.data.sources.locate import locate
from invplat.storage import open_storage
mapping = load_mapping("generic")
begin = time.perf_counter()
sources = [(source, "sales") for source in locate([sys.argv[1]])]
outcome = ingest(open_storage(sys.argv[2]), "bench", mapping, sources)
taken = time.perf_counter() - begin
print(taken, peak(), outcome.counts.rows_kept, outcome.counts.rows_quarantined, outcome.counts.rows_merged)
"""

# As a careful user of pandas would write the same work: the pyarrow CSV engine, Arrow strings and vectorised steps
# throughout, no Python loop but the one over stores that writing them needs. It keeps the same books: the fingerprint of
# the source, each quarantined row with row number, column, value and reason, each repair, and a manifest with the rows,
# series, span and hash of every file.
PANDAS = """
import json, os, sys, time
import numpy as np
import pandas as pd
import pyarrow.parquet, pyarrow.csv
import xxhash
begin = time.perf_counter()
source, target = sys.argv[1:3]
names = ["store", "sku", "date", "quantity", "price", "promotion"]
digest = xxhash.xxh3_128()
with open(source, "rb") as stream:
    while block := stream.read(4 << 20):
        digest.update(block)
raw = pd.read_csv(source, engine="pyarrow", dtype="string[pyarrow]", usecols=names)
raw["row"] = np.arange(2, len(raw) + 2)
reason = np.full(len(raw), "", dtype=object)
guilty = np.full(len(raw), "", dtype=object)
repairs = []
def blame(mask, why, column):
    mask = np.asarray(mask.fillna(False), dtype=bool) & (reason == "") if mask.any() else None
    if mask is not None:
        reason[mask] = why
        guilty[mask] = column
def repair(mask, rule, column):
    if mask.any():
        repairs.append(pd.DataFrame({"row": raw["row"][mask], "column": column, "value": raw[column][mask], "reason": rule}))
rows = pd.DataFrame({"row": raw["row"]})
for name in ("store", "sku"):
    rows[name] = raw[name].str.strip()
    known = pd.Series(rows[name].dropna().unique())
    odd = known[(known.str.len() > 120) | known.str.contains(r"[\\x00-\\x1f\\x7f]", regex=True)]
    blame(rows[name].isna() | (rows[name] == ""), "missing_value", name)
    if len(odd):
        blame(rows[name].isin(odd), "bad_name", name)
    repair(rows[name] != raw[name], "trimmed", name)
rows["date"] = pd.to_datetime(raw["date"], format="%Y-%m-%d", errors="coerce")
blame(raw["date"].isna(), "missing_value", "date")
blame(rows["date"].isna(), "unparsable_date", "date")
blame((rows["date"] < "1900-01-01") | (rows["date"] > "2100-12-31"), "impossible_date", "date")
blame(rows["date"] > pd.Timestamp.today(), "future_date", "date")
for name in ("quantity", "price", "promotion"):
    rows[name] = pd.to_numeric(raw[name], errors="coerce").astype("float64")
blame(raw["quantity"].isna(), "missing_value", "quantity")
blame(rows["quantity"].isna(), "unparsable_number", "quantity")
blame(~np.isfinite(rows["quantity"]), "not_finite", "quantity")
blame(rows["quantity"].abs() > 1e7, "absurd_quantity", "quantity")
repair(rows["quantity"] < 0, "return", "quantity")
repair(rows["price"] == 0, "zero_price", "price")
repair(rows["price"] < 0, "negative_price", "price")
for name in ("price", "promotion"):
    repair(raw[name].notna() & rows[name].isna(), "bad_optional", name)
rows["returned"] = (-rows["quantity"]).clip(lower=0)
rows["quantity"] = rows["quantity"].clip(lower=0)
rows.loc[rows["price"] <= 0, "price"] = np.nan
bad = reason != ""
os.makedirs(target, exist_ok=True)
faulty = raw[bad].assign(column=guilty[bad], reason=reason[bad], file=source)
faulty["value"] = np.select([faulty["column"] == name for name in names], [faulty[name].fillna("") for name in names], "")
faulty[["file", "row", "column", "value", "reason", "store", "sku", "date"]].to_parquet(target + "/quarantine.parquet", index=False)
rows = rows[~bad]
key = ["store", "sku", "date"]
before = len(rows)
copy = rows.duplicated(subset=[name for name in rows.columns if name != "row"])
repairs.append(pd.DataFrame({"row": rows["row"][copy], "reason": "duplicate_row"}))
rows = rows[~copy]
weight = rows["quantity"].where(rows["price"].notna(), 0.0)
rows = rows.assign(money=rows["price"].fillna(0.0) * weight, weight=weight)
whole = rows.groupby(key, as_index=False, sort=True).agg(
    quantity=("quantity", "sum"), returned=("returned", "sum"), money=("money", "sum"), weight=("weight", "sum"), mean=("price", "mean"), promotion=("promotion", "max")
)
whole["price"] = (whole["money"] / whole["weight"]).where(whole["weight"] > 0, whole["mean"])
whole = whole.drop(columns=["money", "weight", "mean"])
sold = whole["quantity"].where(whole["quantity"] > 0)
series = sold.groupby([whole["store"], whole["sku"]])
whole["outlier"] = (series.transform("count") >= 8) & (whole["quantity"] > 100 * series.transform("median"))
pd.concat(repairs).to_parquet(target + "/repairs.parquet", index=False)
files = []
for store, part in whole.groupby("store", sort=False):
    folder = f"{target}/store={store}"
    os.makedirs(folder)
    part.to_parquet(folder + "/part.parquet", index=False)
    with open(folder + "/part.parquet", "rb") as stream:
        content = xxhash.xxh3_128_hexdigest(stream.read())
    files.append({"store": store, "rows": len(part), "series": int(part["sku"].nunique()), "start": str(part["date"].min()), "end": str(part["date"].max()), "hash": content})
os.sync()
with open(target + "/manifest.json", "w") as stream:
    json.dump({"source": digest.hexdigest(), "files": files}, stream)
taken = time.perf_counter() - begin
print(taken, peak(), len(whole), int(bad.sum()), before - len(whole))
"""

DUCKDB = """
import sys, time
import duckdb
begin = time.perf_counter()
connection = duckdb.connect()
connection.execute("set threads = 2")
connection.execute(f"copy (select * from read_csv('{sys.argv[1]}', all_varchar = {sys.argv[3]})) to '{sys.argv[2]}' (format parquet, partition_by (store))")
taken = time.perf_counter() - begin
print(taken, peak(), 0, 0, 0)
"""


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
            "price": np.round(np.tile(random.uniform(1, 30, skus), stores * days) * random.choice([1, 0.8], count, p=[0.9, 0.1]), 2),
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


def measure(program: str, csv: Path, *extra: str) -> tuple[float, float, tuple[int, ...]]:
    """Seconds, peak megabytes and row counts of one run in a process of its own."""
    target = csv.with_name("target")
    shutil.rmtree(target, ignore_errors=True)
    done = subprocess.run([sys.executable, "-c", PEAK + program, str(csv), str(target), *extra], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"a side failed:\n{done.stderr}")
    seconds, megabytes, *rows = done.stdout.split()[-5:]
    shutil.rmtree(target, ignore_errors=True)
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
        sides = {"ours": (OURS,), "pandas": (PANDAS,), "duckdb": (DUCKDB, "false")}
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        peak: dict[str, float] = {}
        counts: dict[str, tuple[int, ...]] = {}
        for _ in range(chosen.runs):
            for name, (program, *extra) in sides.items():
                taken, megabytes, counts[name] = measure(program, csv, *extra)
                seconds[name].append(taken)
                peak[name] = max(peak.get(name, 0.0), megabytes)
        median = {name: statistics.median(times) for name, times in seconds.items()}
        for name in sides:
            times = seconds[name]
            print(f"{name:<8} {median[name]:7.2f} s  ({min(times):.2f} to {max(times):.2f})  peak {peak[name]:6.0f} MB")
        if counts["ours"] != counts["pandas"]:
            raise SystemExit(f"the sides disagree (kept, quarantined, merged): ours {counts['ours']}, pandas {counts['pandas']}")
        print(f"both kept {counts['ours'][0]:,}, quarantined {counts['ours'][1]:,}, merged {counts['ours'][2]:,} rows")
        pandas_ratio = statistics.median(theirs / mine for theirs, mine in zip(seconds["pandas"], seconds["ours"], strict=True))
        duckdb_ratio = statistics.median(mine / theirs for theirs, mine in zip(seconds["duckdb"], seconds["ours"], strict=True))
        memory_ratio = None
        if chosen.large:
            make_elsewhere(csv, chosen.large)
            taken, megabytes, _ = measure(OURS, csv)
            duck, duck_megabytes, _ = measure(DUCKDB, csv, "false")
            memory_ratio = megabytes / peak["ours"]
            print(f"{chosen.large:,} rows: ours {taken:.2f} s, peak {megabytes:.0f} MB; duckdb {duck:.2f} s, peak {duck_megabytes:.0f} MB")
    met = pandas_ratio >= 5 and duckdb_ratio <= 3 and (memory_ratio is None or memory_ratio <= 1.3)
    print(
        json.dumps(
            {
                "name": "ingest",
                "ours": {"seconds": round(median["ours"], 3), "peak_mb": round(peak["ours"]), "memory_large_over_small": memory_ratio and round(memory_ratio, 3)},
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
