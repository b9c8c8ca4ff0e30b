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


def of_seeds(
    workload: Workload, data: TabularData, parts: Parts, *, seeds: Sequence[int], **options: Any
) -> list[Outcome]:
    """One outcome a seed, and last that of their mean, where there are several."""
    found = [
        replace(
            tabular_workload(workload, data, parts, settings=SETTINGS, seed=seed, **options).outcome,
            name=f"{workload.name} {seed}",
        )
        for seed in seeds
    ]
    if len(found) == 1:
        return found
    predicted = np.mean([one.predicted for one in found], axis=0)
    name = f"{workload.name}, mean of {len(found)}"
    figures = judged(data, parts, name, predicted)
    return [*found, Outcome(name, predicted, figures, found[0].settings, sum(one.seconds for one in found))]
