"""Small tenants in memory and a donor for them; not trained, but of weights that say something."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import torch

from invplat.data.features import Recipe
from invplat.data.panel import Panel
from invplat.data.windows import windows
from invplat.model import Model, Preparation
from invplat.testing.panels import Case, made_panel
from invplat.testing.workloads import stirred
from invplat.transfer.tenants import Tenant
from invplat.workload import Spec, find

PAST, HORIZON = 28, 7
RECIPE = Recipe(windows=(7,), pattern=0)
TINY = {"hidden_one": 32, "hidden_two": 32, "dropout_one": 0.0, "dropout_two": 0.0}


def shop(name: str, *, days: int = 84, series: int = 6, seed: int = 1, times: float = 1.0) -> Tenant:
    panel = made_panel(Case(series=series, periods=days, seed=seed, times=times, bare=True))
    return Tenant(name, (panel,))


def changed(tenant: Tenant, change: object) -> Tenant:
    """The same with other demand: `change` is given it and gives another."""
    panel = tenant.panels[0]
    demand = change(panel.demand.copy()).astype(np.float32)  # type: ignore[operator]
    return replace(tenant, panels=(with_demand(panel, demand),))


def with_demand(panel: Panel, demand: np.ndarray) -> Panel:  # type: ignore[type-arg]
    values = panel.past.values.copy()
    values[:, :, panel.past.names.index("demand")] = demand
    return replace(panel, demand=demand, past=replace(panel.past, values=values))


@cache
def donor(workload: str = "mlp", trained: bool = True) -> Model:
    """From one other shop, briefly."""
    from invplat.train.loop import fit
    from invplat.train.plan import Plan

    chosen = find(workload)
    tenant = shop("donor", days=160, series=8, seed=9)
    preparation = Preparation(RECIPE, "daily")
    spec = Spec(past=PAST, horizon=HORIZON, quantiles=(0.1, 0.5, 0.9), ids=())
    cut = windows(preparation.ready(tenant.panels), past=PAST, horizon=HORIZON, stride=2)
    layout = chosen.layout(cut, spec)
    known = chosen.space.dimensions
    params = chosen.space.complete({name: value for name, value in TINY.items() if name in known})
    torch.manual_seed(0)
    module = stirred(chosen.build(params, layout), 3)
    if trained:
        source = chosen.examples(cut, layout)
        module = fit(
            chosen, params, layout, source, plan=Plan(epochs=6, batch_size=32, patience=0), module=module
        ).module
    return Model(chosen, params, spec, layout, preparation, module.eval())
