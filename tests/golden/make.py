"""Makes the golden bundles beside it: python -m tests.golden.make, from the root, and only when a change is meant.

Tiny models of a store that is a formula, as this code writes them today, and what they say. Later code must open them
and say the same. Made again only where a workload's net changes before anyone relies on it. "adapted" is the golden
"mlp" with a head of its own: the rest of it is apart, under shared/.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from invplat.data.features import Recipe
from invplat.data.panel import Group, Panel
from invplat.data.statics import Statics
from invplat.data.timeline import Timeline, as_day
from invplat.data.transforms import Categories
from invplat.data.windows import Windows
from invplat.model import Model, Preparation
from invplat.registry.bundle import load, save
from invplat.registry.shared import FOLDER
from invplat.storage import FolderStorage
from invplat.train.loop import fit
from invplat.train.plan import Plan
from invplat.workload import Spec, find
from tests.model.made import install_example

HERE = Path(__file__).parent
PARAMS: dict[str, dict[str, Any]] = {"mlp": {"hidden_one": 32, "hidden_two": 32}, "straight": {"hidden": 16}}
ADAPTED = "adapted"
NAMES = (*PARAMS, ADAPTED)
SPEC = Spec(past=7, horizon=2, quantiles=(0.1, 0.5, 0.9))
SERIES, PERIODS, LAST = 3, 40, 5  # the last so many cutoffs are asked


def store() -> Panel:
    series, period = np.mgrid[0:SERIES, 0:PERIODS]
    demand = ((series + 2) * (period % 7 + 1) + period * period // 5) % (7 + 4 * series)
    censored = (period + series) % 11 == 0
    observed = (period + 2 * series) % 13 != 0
    demand = np.where(observed, demand, 0).astype(np.float32)
    promotion = (period % 9 == 4).astype(np.float32)
    cost = np.array([[1.5, 1], [20, 1], [0, 0]], np.float32)
    skus = tuple(f"sku-{number}" for number in range(SERIES))
    begins = as_day("2024-01-01")
    past = {"demand": demand, "observed": observed, "censored": censored & observed}
    return Panel(
        store="store",
        timeline=Timeline.covering("daily", begins, begins + PERIODS - 1),
        known=PERIODS,
        skus=skus,
        launch=np.zeros(SERIES, np.int64),
        demand=demand,
        observed=observed,
        censored=censored & observed,
        past=Group.of(past, (SERIES, PERIODS), ("demand",)),
        ahead=Group.of({"promotion": promotion}, (SERIES, PERIODS)),
        statics=Statics(("unit_cost", "unit_cost_known"), cost, {"sku": skus, "category": ("a", "b", "a")}),
        planned=("promotion",),
        row_share=1.0,
    )


def asked(model: Model) -> Windows:
    panel = store()
    cutoffs = panel.dates[-LAST - SPEC.horizon : -SPEC.horizon].tolist()
    return model.preparation.cut(model.preparation.ready(panel), model.spec, cutoffs)


def answers(model: Model) -> dict[str, Any]:
    said = model.predict(asked(model))
    return {"mean": said.mean.tolist(), "quantiles": said.quantiles.tolist()}


def trained(name: str) -> Model:
    workload, panel = find(name), store()
    encoders = {each: Categories.fit(panel.statics.texts[each], cutoff=panel.last) for each in ("sku", "category")}
    preparation = Preparation(Recipe(windows=(7,), pattern=14), panel.frequency, encoders)
    cut = preparation.cut(preparation.ready(panel), SPEC)
    layout, params = workload.layout(cut, SPEC), workload.space.check(PARAMS[name])
    plan = Plan.of(params, epochs=5, patience=0, batch_size=16)
    found = fit(workload, params, layout, workload.examples(cut, layout), plan=plan)
    lineage = {"code": "golden", "seed": plan.seed}  # no time: the same code makes the same files
    return Model(workload, params, SPEC, layout, preparation, found.module, lineage, {"loss": found.loss})


def adapted(storage: FolderStorage) -> tuple[Model, set[str]]:
    """And what it has from its donor."""
    donor, model = (Model.of(load(storage, "mlp")) for _ in range(2))
    with torch.no_grad():
        for name, value in model.module.named_parameters():
            if name.startswith(model.workload.parts.head):
                value.mul_(1.25)
    return model, model.alike(donor)


def main() -> None:
    torch.set_num_threads(1)
    storage = FolderStorage(HERE)
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        install_example(patch, Path(folder))
        for name in PARAMS:
            write(storage, name, trained(name))
        storage.remove(FOLDER)
        write(storage, ADAPTED, *adapted(storage))


def write(storage: FolderStorage, name: str, model: Model, shared: Collection[str] = ()) -> None:
    storage.remove(name)
    save(storage, name, model.bundle(shared))
    (HERE / name / "said.json").write_text(json.dumps(answers(model)) + "\n")


if __name__ == "__main__":
    main()
