"""A comparison as files: its figures as JSON, every answer as Parquet, for other programs and for later pictures."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from invplat.core.files import write_whole
from invplat.evaluate.answers import Answers, Label
from invplat.evaluate.compare import Comparison

FIGURES, ANSWERS, ROWS = "comparison.json", "answers.parquet", "report.parquet"
LABELS = ("tenant", "store", "sku", "category", "cutoff", "step")


def write_comparison(comparison: Comparison, folder: Path, more: Mapping[str, Any] | None = None) -> list[Path]:
    """`more`: figures that go beside the comparison's own, such as those by group."""
    folder.mkdir(parents=True, exist_ok=True)
    content = plain({**comparison.to_json(), **(more or {})})
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    paths = [write_whole(folder / FIGURES, text.encode())]
    if comparison.backtest is not None:
        whole = pa.concat_tables(
            [_answers(name, answers) for name, answers in comparison.backtest.answers.items()],
            promote_options="default",
        )
        paths.append(write_whole(folder / ANSWERS, _parquet(whole)))
    if comparison.tabular is not None:
        said = {outcome.name: outcome.predicted for outcome in comparison.tabular.outcomes}
        paths.append(write_whole(folder / ROWS, _parquet(pa.table({"actual": comparison.tabular.actual, **said}))))
    return paths


def plain(value: Any) -> Any:
    """As JSON has it: what is not finite as null, dates as text, NumPy's numbers as Python's."""
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, bool | int | str | None) else str(value)


def _answers(model: str, answers: Answers) -> pa.Table:
    """A row an answer: its labels, what came, the mean and each quantile as q0.1, q0.5, …"""
    labels = {name: _column(answers.labels[name]) for name in LABELS if name in answers.labels}
    names = pa.array([model]).dictionary_encode()
    return pa.table(
        {
            "model": pa.DictionaryArray.from_arrays(np.zeros(len(answers), np.int32), names.dictionary).cast(
                pa.string()
            ),
            **labels,
            "actual": answers.actual,
            "mean": answers.predicted,
            **{f"q{level:g}": answers.quantiles[:, place] for place, level in enumerate(answers.levels)},
        }
    )


def _column(label: Label) -> pa.Array:
    return pa.array(label.names).take(pa.array(label.codes))


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    found: bytes = sink.getvalue().to_pybytes()
    return found
