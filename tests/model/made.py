"""Small trained models to keep, open, ask and export, and the example package as if it were installed."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from invplat.data.features import Recipe
from invplat.data.panel import Panel
from invplat.data.transforms import Categories
from invplat.data.windows import Windows
from invplat.model import Model, Preparation, lineage_of
from invplat.model.specimen import specimen_lead_times
from invplat.testing.panels import Case, made_panel
from invplat.train.loop import fit
from invplat.train.plan import Plan
from invplat.workload import Prediction, Spec, find, installed

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_workload"
SPEC = Spec(past=7, horizon=3, quantiles=(0.1, 0.5, 0.9))
CASE = Case(past=7, horizon=3, periods=60, bare=True)
SMALL: dict[str, dict[str, Any]] = {
    "mlp": {"hidden_one": 32, "hidden_two": 32},
    "lstm": {"hidden_one": 32, "hidden_two": 32},
    "gru": {"hidden_one": 32, "hidden_two": 32},
    "rnn": {"hidden_one": 32, "hidden_two": 32},
    "straight": {"hidden": 16},
}
EVERY = (*installed(), "straight")  # the example package is there in tests only


@dataclass(frozen=True)
class Made:
    model: Model
    panel: Panel  # as it was before any feature
    ready: Panel
    windows: Windows

    @property
    def beside(self) -> dict[str, Any]:
        """What only workloads that decide look at."""
        return {"panels": [self.ready], "lead_times": [specimen_lead_times(self.ready)]}

    def says(self, windows: Windows | None = None) -> Prediction:
        return self.model.predict(windows or self.windows, **self.beside)

    def inputs(self, size: int) -> dict[str, torch.Tensor]:
        model = self.model
        source = model.workload.examples(self.windows, model.layout, **self.beside)
        return model.workload.inputs(model.module, source.batch(torch.arange(size)))


def install_example(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """As pip would leave it: its folder on the path, its metadata beside it."""
    declared = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    info = folder / f"own_workload-{declared['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {declared['name']}\nVersion: {declared['version']}\n")
    lines = [
        f"[{group}]\n" + "\n".join(f"{name} = {place}" for name, place in points.items())
        for group, points in declared["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    patch.syspath_prepend(str(EXAMPLE))
    patch.syspath_prepend(str(folder))


def fitted(name: str, **params: Any) -> Made:
    """After two epochs on a made-up store."""
    workload = find(name)
    panel = made_panel(CASE)
    texts = panel.statics.texts
    encoders = {each: Categories.fit(texts[each], cutoff=panel.last) for each in ("sku", "store")}
    preparation = Preparation(Recipe(windows=(7,), pattern=0), panel.frequency, encoders)
    ready = preparation.ready(panel)
    cut = preparation.cut(ready, SPEC)
    layout = workload.layout(cut, SPEC)
    chosen = workload.space.check({**SMALL.get(name, {}), **params})
    examples = workload.examples(cut, layout, panels=ready, lead_times=[specimen_lead_times(ready[0])])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    found = fit(workload, chosen, layout, examples, plan=Plan.of(chosen, epochs=2, patience=0))
    torch.set_num_threads(threads)
    lineage = lineage_of(None, seed=0, epochs=2)
    model = Model(workload, chosen, SPEC, layout, preparation, found.module, lineage, {"loss": found.loss})
    return Made(model, panel, ready[0], cut)
