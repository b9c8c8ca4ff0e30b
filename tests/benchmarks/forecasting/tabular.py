"""The base workload's tabular form as one more model of the report's table, fitted with several seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from invplat.evaluate.tabular_references import Outcome, Parts, TabularData, judged
from invplat.train.tabular import tabular_workload
from invplat.workload import Workload

SETTINGS = ({"hidden_one": 128, "hidden_two": 128, "dropout_one": 0.1, "dropout_two": 0.1},)


def of_seed(workload: Workload, data: TabularData, parts: Parts, seed: int, **options: Any) -> Outcome:
    found = tabular_workload(workload, data, parts, settings=SETTINGS, seed=seed, **options).outcome
    return replace(found, name=f"{workload.name} {seed}")


def mean_of(name: str, data: TabularData, parts: Parts, found: Sequence[Outcome]) -> Outcome:
    predicted = np.mean([one.predicted for one in found], axis=0)
    name = f"{name}, mean of {len(found)}"
    figures = judged(data, parts, name, predicted)
    return Outcome(name, predicted, figures, found[0].settings, sum(one.seconds for one in found))
