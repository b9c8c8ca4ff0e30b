"""DuckDB's bare CSV → Parquet by store: nothing is checked, nothing is kept of what was wrong."""

from __future__ import annotations

import sys
import time

import duckdb
from process import peak_megabytes

begin = time.perf_counter()
connection = duckdb.connect()
connection.execute("set threads = 2")
rows = f"select * from read_csv('{sys.argv[1]}')"
connection.execute(f"copy ({rows}) to '{sys.argv[2]}' (format parquet, partition_by (store))")
taken = time.perf_counter() - begin
print(taken, peak_megabytes(), 0, 0, 0)
