"""The same work in pandas, as a careful user would write it.

The pyarrow CSV engine, Arrow strings and vectorised steps throughout; no Python loop but the one over stores that
writing them needs. It keeps the same books: the fingerprint of the source, each quarantined row with row number,
column, value and reason, each repair, and a manifest with the rows, series, span and hash of every file.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.csv
import pyarrow.parquet  # noqa: F401 - a side's own imports are not timed, for anyone
import xxhash
from process import peak_megabytes

begin = time.perf_counter()
source, target = Path(sys.argv[1]), Path(sys.argv[2])
names = ["store", "sku", "date", "quantity", "price", "promotion"]
numbers = ["quantity", "price", "promotion"]
digest = xxhash.xxh3_128()
with source.open("rb") as stream:
    while block := stream.read(4 << 20):
        digest.update(block)
raw = pd.read_csv(source, engine="pyarrow", dtype="string[pyarrow]", usecols=names)
raw["row"] = np.arange(2, len(raw) + 2)
reason = np.full(len(raw), "", dtype=object)
guilty = np.full(len(raw), "", dtype=object)
repairs: list[pd.DataFrame] = []


def blame(mask: pd.Series, why: str, column: str) -> None:
    if mask.any():
        fresh = np.asarray(mask.fillna(False), dtype=bool) & (reason == "")
        reason[fresh] = why
        guilty[fresh] = column


def repair(mask: pd.Series, rule: str, column: str) -> None:
    if mask.any():
        found = {"row": raw["row"][mask], "column": column, "value": raw[column][mask], "reason": rule}
        repairs.append(pd.DataFrame(found))


rows = pd.DataFrame({"row": raw["row"]})
for name in ("store", "sku"):
    rows[name] = raw[name].str.strip()
    known = pd.Series(rows[name].dropna().unique())
    odd = known[(known.str.len() > 120) | known.str.contains(r"[\x00-\x1f\x7f]", regex=True)]
    blame(rows[name].isna() | (rows[name] == ""), "missing_value", name)
    if len(odd):
        blame(rows[name].isin(odd), "bad_name", name)
    repair(rows[name] != raw[name], "trimmed", name)
rows["date"] = pd.to_datetime(raw["date"], format="%Y-%m-%d", errors="coerce")
blame(raw["date"].isna(), "missing_value", "date")
blame(rows["date"].isna(), "unparsable_date", "date")
blame((rows["date"] < "1900-01-01") | (rows["date"] > "2100-12-31"), "impossible_date", "date")
blame(rows["date"] > pd.Timestamp.today(), "future_date", "date")
for name in numbers:
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
target.mkdir(parents=True)
faulty = raw[bad].assign(column=guilty[bad], reason=reason[bad], file=str(source))
choices = [faulty["column"] == name for name in names]
faulty["value"] = np.select(choices, [faulty[name].fillna("") for name in names], "")
books = ["file", "row", "column", "value", "reason", "store", "sku", "date"]
faulty[books].to_parquet(target / "quarantine.parquet", index=False)
rows = rows[~bad]
before = len(rows)
copy = rows.duplicated(subset=[name for name in rows.columns if name != "row"])
repairs.append(pd.DataFrame({"row": rows["row"][copy], "reason": "duplicate_row"}))
rows = rows[~copy]
weight = rows["quantity"].where(rows["price"].notna(), 0.0)
rows = rows.assign(money=rows["price"].fillna(0.0) * weight, weight=weight)
whole = rows.groupby(["store", "sku", "date"], as_index=False, sort=True).agg(
    quantity=("quantity", "sum"),
    returned=("returned", "sum"),
    money=("money", "sum"),
    weight=("weight", "sum"),
    mean=("price", "mean"),
    promotion=("promotion", "max"),
)
whole["price"] = (whole["money"] / whole["weight"]).where(whole["weight"] > 0, whole["mean"])
whole = whole.drop(columns=["money", "weight", "mean"])
sold = whole["quantity"].where(whole["quantity"] > 0)
series = sold.groupby([whole["store"], whole["sku"]])
whole["outlier"] = (series.transform("count") >= 8) & (whole["quantity"] > 100 * series.transform("median"))
pd.concat(repairs).to_parquet(target / "repairs.parquet", index=False)
files = []
for store, part in whole.groupby("store", sort=False):
    path = target / f"store={store}" / "part.parquet"
    path.parent.mkdir()
    part.to_parquet(path, index=False)
    days = part["date"]
    content = xxhash.xxh3_128_hexdigest(path.read_bytes())
    entry = {"store": store, "rows": len(part), "series": int(part["sku"].nunique()), "hash": content}
    files.append({**entry, "start": str(days.min()), "end": str(days.max())})
os.sync()
(target / "manifest.json").write_text(json.dumps({"source": digest.hexdigest(), "files": files}))
taken = time.perf_counter() - begin
print(taken, peak_megabytes(), len(whole), int(bad.sum()), before - len(whole))
