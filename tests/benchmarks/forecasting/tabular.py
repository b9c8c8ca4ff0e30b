"""The base workload's tabular form as one more model of the report's table: the platform's own entry, its outcome."""

from __future__ import annotations

from typing import Any

from invplat.evaluate.tabular_references import Outcome, Parts, TabularData
from invplat.train.tabular import SETTINGS
from invplat.train.tabular import tabular_workload as learnt
from invplat.workload import Workload

__all__ = ["SETTINGS", "tabular_workload"]


def tabular_workload(workload: Workload, data: TabularData, parts: Parts, **options: Any) -> Outcome:
    return learnt(workload, data, parts, **options).outcome
