"""The base workload's tabular form as one more model of the report's table; its settings chosen on validation."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from invplat.data.design import Design
from invplat.evaluate.answers import Answers, Doubles, Ints
from invplat.evaluate.metrics import measure
from invplat.evaluate.tabular_references import Outcome, Parts, TabularData, judged
from invplat.train.loop import fit
from invplat.train.plan import Plan
from invplat.workload import Spec, Workload

SETTINGS: tuple[dict[str, Any], ...] = (
    {"hidden_one": 128, "hidden_two": 128, "dropout_one": 0.0, "dropout_two": 0.0},
    {"hidden_one": 256, "hidden_two": 128, "dropout_one": 0.1, "dropout_two": 0.1},
)


def tabular_workload(
    workload: Workload,
    data: TabularData,
    parts: Parts,
    *,
    settings: Sequence[dict[str, Any]] = SETTINGS,
    epochs: int = 30,
    batch: int = 256,
    seed: int = 0,
) -> Outcome:
    from invplat_workloads.rows import rows_of

    began = time.perf_counter()
    torch.set_num_threads(1)  # small nets; a second thread mostly waits
    whole = data.rows(parts.train)
    sizes = {name: int(whole.codes[:, place].max(initial=0)) + 1 for place, name in enumerate(whole.code_names)}
    train = rows_of(_design(data, whole, parts.train), sizes)
    held, asked = (rows_of(_design(data, whole, part), sizes, like=train) for part in (parts.validation, parts.test))
    layout: Any = workload.layout(train, Spec(past=1, horizon=1))  # type: ignore[arg-type]
    best: tuple[float, dict[str, Any], Any] | None = None
    for chosen in settings:
        plan = Plan.of(workload.space.defaults, epochs=epochs, batch_size=batch, patience=6, seed=seed)
        params = {**workload.space.defaults, **chosen}
        module = fit(workload, params, layout, train, held, plan=plan).module.eval()
        said = _answered(workload, module, held, layout)
        loss = measure(Answers.of(data.target[parts.validation], said), ["rmse"])["rmse"].value
        if loss is not None and (best is None or loss < best[0]):
            best = loss, chosen, module
    assert best is not None
    predicted = _answered(workload, best[2], asked, layout)
    figures = judged(data, parts, workload.name, predicted)
    return Outcome(workload.name, predicted, figures, best[1], time.perf_counter() - began)


def _answered(workload: Workload, module: Any, source: Any, layout: Any) -> Doubles:
    found = []
    with torch.no_grad():
        for which in torch.split(torch.arange(len(source)), 8192):
            batch = source.batch(which)
            found.append(workload.predict(module(**workload.inputs(module, batch)), batch, layout).mean[:, 0])
    return torch.cat(found).double().numpy()


def _design(data: TabularData, whole: Any, part: Ints) -> Design:
    values = np.hstack([whole.numbers[part], whole.codes[part]]).astype(np.float32)
    count = len(part)
    nowhen = np.zeros(count, "datetime64[D]")
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
        dates=nowhen,
    )
