"""Answers as bytes: JSON of NumPy's numbers as they are, or Arrow. A float is written with as many digits as it has."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from starlette.responses import Response

from invplat.serve.asking import ARROW
from invplat.serve.said import Said

HOW = orjson.OPT_SERIALIZE_NUMPY


def json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content, option=HOW), status, media_type="application/json")


def arrow(table: pa.Table) -> Response:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return Response(sink.getvalue().to_pybytes(), media_type=ARROW)


def forecasts(tenant: str, said: Said, frequency: str, counts: list[int] | None) -> dict[str, Any]:
    """As schemas.Forecasts."""
    each: list[dict[str, Any]]
    if counts is None:
        each = [
            {"store": store, "sku": sku, "mean": said.mean[row], "quantiles": said.quantiles[row]}
            for row, (store, sku) in enumerate(said.names)
        ]
    else:
        each = [
            {"group": name, "series": counts[row], "mean": said.mean[row], "quantiles": said.quantiles[row]}
            for row, (_, name) in enumerate(said.names)
        ]
    return {
        "tenant": tenant,
        "model": said.model,
        "dataset": said.dataset,
        "frequency": frequency,
        "as_of": said.as_of,
        "dates": said.dates,
        "levels": said.levels,
        "forecasts": each,
    }


def table_of(said: Said, counts: list[int] | None) -> pa.Table:
    """A row a series, or a group: mean and quantiles of all periods as lists. The rest is in the schema's metadata."""
    horizon, levels = said.quantiles.shape[1:]
    quantiles = pa.FixedSizeListArray.from_arrays(pa.array(said.quantiles.reshape(-1)), levels)
    columns: dict[str, Any]
    if counts is None:
        columns = {"store": _coded([store for store, _ in said.names]), "sku": _coded([sku for _, sku in said.names])}
    else:
        columns = {"group": pa.array([name for _, name in said.names]), "series": pa.array(counts)}
    columns["mean"] = pa.FixedSizeListArray.from_arrays(pa.array(said.mean.reshape(-1)), horizon)
    columns["quantiles"] = pa.FixedSizeListArray.from_arrays(quantiles, horizon)
    about = {"model": said.model, "dataset": said.dataset, "as_of": said.as_of, "dates": said.dates}
    table = pa.table(columns)
    return table.replace_schema_metadata({"invplat": orjson.dumps({**about, "levels": said.levels})})


def _coded(names: list[str]) -> pa.Array:
    known: dict[str, int] = {}
    codes = np.fromiter((known.setdefault(name, len(known)) for name in names), np.int32, len(names))
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(list(known), pa.string()))
