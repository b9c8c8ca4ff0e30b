"""Our end-to-end workload on the generated record: learnt from the days before the judged order, asked once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from invplat.data import rolling
from invplat.data.features import sure_demand
from invplat.data.panel import Panel
from invplat.data.transforms import Categories
from invplat.data.windows import windows
from invplat.train.loop import fit
from invplat.train.plan import Plan
from invplat.workload import Spec
from invplat_workloads.e2e.examples import Terms
from invplat_workloads.e2e.workload import E2E
from ordering.synthetic import HOLDING, SHORTAGE, Record, day

PAST = 15
WIDE = 28  # days of the means beside the window


@dataclass(frozen=True)
class Answer:
    level: Any  # to order up to
    quantiles: torch.Tensor  # series × days × levels
    levels: tuple[float, ...]
    error: float  # RMSE of the mean


def answer(record: Record, *, epochs: int, seed: int = 0, make: Callable[[Terms], E2E] = E2E) -> Answer:
    workload = make(Terms(record.review, HOLDING, SHORTAGE))
    spec = Spec(past=PAST, horizon=record.days - record.known)
    now_known = day(record.known - 1)
    panel, lead_times = with_means(record), record.lead_times()
    encoders = {"sku": Categories.fit(panel.statics.texts["sku"], cutoff=now_known)}
    shape = {"past": spec.past, "horizon": spec.horizon, "encoders": encoders}
    cut = windows(panel, **shape)  # type: ignore[arg-type]
    asked = windows(panel, cutoffs=[now_known], targets=False, **shape)  # type: ignore[arg-type]
    layout = workload.layout(cut, spec)
    source, now = (workload.examples(each, layout, panels=[panel], lead_times=[lead_times]) for each in (cut, asked))
    params = workload.space.defaults
    plan = Plan.of(params, epochs=epochs, patience=0, seed=seed)
    module = fit(workload, params, layout, source, plan=plan).module.eval()
    batch = now.batch(torch.arange(len(now)))
    with torch.no_grad():
        outputs = module(**workload.inputs(module, batch))
        said = workload.predict(outputs, batch, layout)
    error = said.mean.double().numpy() - record.demand[:, record.known :]
    level = (outputs["level"] * batch.level).double().numpy()
    return Answer(level, said.quantiles, said.levels, float(np.sqrt((error**2).mean())))


def with_means(record: Record) -> Panel:
    """Beside the window: a series' mean over a longer time, and its SKU's in all stores."""
    panel = record.panel()
    own = np.nan_to_num(rolling.mean(sure_demand(panel), WIDE))
    chain = np.stack([own[record.sku == sku].mean(axis=0) for sku in range(int(record.sku.max()) + 1)])[record.sku]
    return panel.with_past({"mean": own, "chain_mean": chain}, ("mean", "chain_mean"))
