"""A workload's tabular form as one more model of the report's table; its settings chosen on validation.

Only for workloads that read tables: rows of attributes without a past. Knows nothing of where the rows come from.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch

from invplat.core.errors import SettingRefused
from invplat.data.design import Design
from invplat.evaluate.answers import Answers, Doubles, Ints
from invplat.evaluate.compare import Curve
from invplat.evaluate.estimators import Rows
from invplat.evaluate.metrics import measure
from invplat.evaluate.tabular_references import Outcome, Parts, TabularData, judged
from invplat.train.forecaster import curve_of
from invplat.train.loop import Fitted, Watch, fit
from invplat.train.plan import Plan
from invplat.workload import Source, Spec, Workload

SETTINGS: tuple[Mapping[str, Any], ...] = (
    {"hidden_one": 128, "hidden_two": 128, "dropout_one": 0.0, "dropout_two": 0.0},
    {"hidden_one": 256, "hidden_two": 128, "dropout_one": 0.1, "dropout_two": 0.1},
)
PATIENCE = 6
AT_ONCE = 8192  # rows


@runtime_checkable
class ReadsTables(Protocol):
    """What a workload has beside the contract where it reads tables: rows that its `layout` and `examples` take."""

    def rows(self, design: Design, sizes: Mapping[str, int], *, like: Any = None) -> Any:
        """`sizes`: of the vocabularies behind the ids. `like`: the training rows, whose columns and level hold."""
        ...


@dataclass(frozen=True)
class Learnt:
    outcome: Outcome
    curve: Curve  # of the settings chosen


def tabular_workload(
    workload: Workload,
    data: TabularData,
    parts: Parts,
    *,
    settings: Sequence[Mapping[str, Any]] = SETTINGS,
    epochs: int = 30,
    batch: int = 256,
    seed: int = 0,
    watch: Watch | None = None,
) -> Learnt:
    if not isinstance(workload, ReadsTables):
        raise SettingRefused(
            f"{workload.name} reads a past, and the report's table has none", hint="compare it by --protocol ours"
        )
    began = time.perf_counter()
    torch.set_num_threads(1)  # small nets; a second thread mostly waits
    whole = data.rows(parts.train)
    sizes = {name: int(whole.codes[:, place].max(initial=0)) + 1 for place, name in enumerate(whole.code_names)}
    train = workload.rows(_design(data, whole, parts.train), sizes)
    held, asked = (
        workload.rows(_design(data, whole, part), sizes, like=train) for part in (parts.validation, parts.test)
    )
    layout = workload.layout(train, replace(Spec(), past=1, horizon=1))
    sources = [workload.examples(rows, layout) for rows in (train, held, asked)]
    known = workload.space.dimensions
    best: tuple[float, dict[str, Any], Fitted] | None = None
    for chosen in settings:
        params = workload.space.check({name: value for name, value in chosen.items() if name in known})
        plan = Plan.of(params, epochs=epochs, batch_size=batch, patience=PATIENCE, seed=seed)
        fitted = fit(workload, params, layout, sources[0], sources[1], plan=plan, watch=watch)
        said = _answered(workload, fitted.module.eval(), sources[1], layout)
        loss = measure(Answers.of(data.target[parts.validation], said), ["rmse"])["rmse"].value
        if loss is not None and (best is None or loss < best[0]):
            best = loss, dict(chosen), fitted
    if best is None:
        raise SettingRefused(
            f"{workload.name} learnt nothing of the report's table: its loss was never finite",
            hint="look for strange values in the data: invplat data describe",
        )
    predicted = _answered(workload, best[2].module, sources[2], layout)
    figures = judged(data, parts, workload.name, predicted)
    outcome = Outcome(workload.name, predicted, figures, best[1], time.perf_counter() - began)
    return Learnt(outcome, curve_of(best[2]))


@torch.no_grad()
def _answered(workload: Workload, module: torch.nn.Module, source: Source, layout: Any) -> Doubles:
    found = []
    for which in torch.split(torch.arange(len(source)), AT_ONCE):
        batch = source.batch(which)
        found.append(workload.predict(module(**workload.inputs(module, batch)), batch, layout).mean[:, 0])
    answers: Doubles = torch.cat(found).double().numpy()
    return answers


def _design(data: TabularData, whole: Rows, part: Ints) -> Design:
    values = np.hstack([whole.numbers[part], whole.codes[part]]).astype(np.float32)
    count = len(part)
    nowhen = np.zeros(count, "datetime64[D]")
    dates = nowhen if data.dates is None else data.dates[part]
    return Design(
        names=(*whole.number_names, *whole.code_names),
        values=values,
        categorical=whole.code_names,
        target=data.target[part].astype(np.float32),
        observed=np.ones(count, np.bool_),
        censored=np.zeros(count, np.bool_),
        series=np.arange(count),
        cutoffs=nowhen,
        steps=np.ones(count, np.int64),
        dates=dates,
        quantities=data.quantities,
    )
