"""A study's trials as one table, a row each, that pandas and everything else that reads Parquet opens."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from invplat.core.space import Choice, Dimension, Integer
from invplat.tune.plan import StudyPlan
from invplat.tune.trial import Finished


def table_of(plan: StudyPlan, finished: Sequence[Finished]) -> pa.Table:
    """Columns `params.NAME` and `values.NAME` beside those of the trial itself; `train` and `validation` are its
    losses by epoch."""
    curve = pa.list_(pa.float64())
    columns = {
        "number": pa.array([trial.number for trial in finished], pa.int64()),
        "pack": pa.array([trial.pack for trial in finished], pa.int64()),
        "state": pa.array([str(trial.state) for trial in finished], pa.string()),
        "why": pa.array([trial.why for trial in finished], pa.string()),
        "seed": pa.array([trial.seed for trial in finished], pa.int64()),
    }
    for name, dimension in plan.space.dimensions.items():
        kind = _kind(dimension)
        columns[f"params.{name}"] = pa.array([trial.params[name] for trial in finished], kind)
    for metric in plan.metrics:
        columns[f"values.{metric}"] = pa.array([trial.values.get(metric) for trial in finished], pa.float64())
    columns |= {
        "loss": pa.array([trial.loss for trial in finished], pa.float64()),
        "best": pa.array([trial.best for trial in finished], pa.int64()),
        "epochs": pa.array([len(trial.train) for trial in finished], pa.int64()),
        "seconds": pa.array([trial.seconds for trial in finished], pa.float64()),
        "finished_at": pa.array([round(trial.finished_at * 1e6) for trial in finished], pa.timestamp("us", tz="UTC")),
        "where": pa.array([trial.where for trial in finished], pa.string()),
        "train": pa.array([list(trial.train) for trial in finished], curve),
        "validation": pa.array([list(trial.validation) for trial in finished], curve),
    }
    return pa.table(columns)


def _kind(dimension: Dimension) -> pa.DataType:
    if isinstance(dimension, Choice):
        kinds = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}
        return kinds[type(dimension.options[0])]
    return pa.int64() if isinstance(dimension, Integer) else pa.float64()
