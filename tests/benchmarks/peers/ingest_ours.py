"""`ingest` of one CSV in a process of its own: prints seconds, peak megabytes and rows kept, quarantined, merged."""

from __future__ import annotations

import sys
import time

import polars  # noqa: F401 - a side's own imports are not timed, for anyone
import pyarrow.compute
import pyarrow.parquet  # noqa: F401
from process import peak_megabytes

from invplat.data.ingest import ingest
from invplat.data.mapping import load_mapping
from invplat.data.sources.locate import locate
from invplat.storage import open_storage

mapping = load_mapping("generic")
begin = time.perf_counter()
sources = [(source, "sales") for source in locate([sys.argv[1]])]
counts = ingest(open_storage(sys.argv[2]), "bench", mapping, sources).counts
taken = time.perf_counter() - begin
print(taken, peak_megabytes(), counts.rows_kept, counts.rows_quarantined, counts.rows_merged)
