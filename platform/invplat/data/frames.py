"""The ecosystem's long frames: `unique_id, ds, y` out of a panel and back into rows of sales.

A series' id is store/sku, a '/' or '%' inside the store's name percent-encoded so that the way back is exact.
Polars or pandas, by name; pandas is imported on use.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import numpy as np
import pyarrow as pa

from invplat.core.errors import DatasetError
from invplat.data.panel import Panel

LIBRARIES = ("polars", "pandas", "arrow")


def unique_id(store: str, sku: str) -> str:
    return f"{_escaped(store)}/{sku}"


def _escaped(store: str) -> str:
    return store.replace("%", "%25").replace("/", "%2F")


def store_and_sku(name: str) -> tuple[str, str]:
    store, slash, sku = name.partition("/")
    if not slash or not sku:
        raise DatasetError(f"{name!r} is not a series of ours", hint="a unique_id is store/sku")
    return unquote(store), sku


def to_frame(
    panels: Panel | Sequence[Panel], library: str = "polars", *, features: Sequence[str] = (), unobserved: str = "drop"
) -> Any:
    """One row a series and period of its history. Periods nobody observed are dropped, or (`null`) kept without y."""
    if unobserved not in ("drop", "null"):
        raise DatasetError(f"unobserved = {unobserved!r}", hint="write drop or null")
    chosen = [panels] if isinstance(panels, Panel) else list(panels)
    return _as(pa.concat_tables([_long(panel, features, unobserved) for panel in chosen]), library)


def from_frame(frame: Any) -> pa.Table:
    """Rows of sales (store, sku, date, quantity and whatever other columns came along) from a long frame."""
    table = _arrow(frame)
    lacking = [name for name in ("unique_id", "ds", "y") if name not in table.column_names]
    if lacking:
        raise DatasetError(
            f"the frame has no {', '.join(lacking)} (it has {', '.join(table.column_names)})",
            hint="it needs unique_id, ds and y",
        )
    encoded = table.column("unique_id").cast(pa.string()).combine_chunks().dictionary_encode()
    pairs = [store_and_sku(name) for name in encoded.dictionary.to_pylist()]
    names = [
        pa.DictionaryArray.from_arrays(
            encoded.indices, pa.array([pair[place] for pair in pairs], pa.string())
        ).dictionary_decode()
        for place in (0, 1)
    ]
    ours = {
        "store": names[0],
        "sku": names[1],
        "date": table.column("ds").cast(pa.date32()),
        "quantity": table.column("y").cast(pa.float64()),
    }
    rest = {name: table.column(name) for name in table.column_names if name not in ("unique_id", "ds", "y", *ours)}
    return pa.table({**ours, **rest})


def _long(panel: Panel, features: Sequence[str], unobserved: str) -> pa.Table:
    series, period = np.nonzero(panel.exists & panel.observed if unobserved == "drop" else panel.exists)
    ids = pa.array([unique_id(panel.store, sku) for sku in panel.skus])
    hidden = ~panel.observed[series, period]
    columns = {
        "unique_id": pa.DictionaryArray.from_arrays(pa.array(series, pa.int32()), ids).dictionary_decode(),
        "ds": pa.array(panel.dates[period]),
        "y": pa.array(panel.demand[series, period].astype(np.float64), mask=hidden),
    }
    return pa.table({**columns, **{name: pa.array(panel.column(name)[series, period]) for name in features}})


def _as(table: pa.Table, library: str) -> Any:
    if library == "arrow":
        return table
    if library == "polars":
        import polars

        return polars.from_arrow(table)
    if library == "pandas":
        import pandas

        frame = table.to_pandas()
        frame["ds"] = pandas.to_datetime(frame["ds"])
        return frame
    raise DatasetError(f"frames of {library!r} are not known", hint=f"write one of {', '.join(LIBRARIES)}")


def _arrow(frame: Any) -> pa.Table:
    if isinstance(frame, pa.Table):
        return frame
    if hasattr(frame, "to_arrow"):  # polars
        table: pa.Table = frame.to_arrow()
        return table
    return pa.Table.from_pandas(frame, preserve_index=False)
