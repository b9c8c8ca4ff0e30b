"""tune_cells: how much quicker trials of one shape are trained as one program than one at a time.

Both sides are the platform's own: `fit_pack` at the width the platform chooses for the shape, `fit` for each trial by
itself; the same net, data, plan and loop, one CPU thread, timed in turns. How far apart a trial's weights are on both
sides at the end, as a share of a matrix's size, is told too and counts. Two forms of the base model: rows of a table
(the form of its first study, which the targets are for) and windows of panels.

    make bench NAME=tune_cells
    make bench NAME=tune_cells ARGS="--widths --out pictures"
    python tests/benchmarks/tune_cells.py --device cuda --widths
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tuning.chart import by_width
from tuning.tables import Table, made_table

from invplat.testing.panels import Case, made_windows
from invplat.train.fused import Member, fit_pack
from invplat.train.loop import fit
from invplat.train.material import Part
from invplat.train.plan import Plan
from invplat.tune.width import WIDTHS, Widths
from invplat.workload import Spec
from invplat_workloads.mlp import WORKLOAD

HIDDEN, BATCHES = (32, 64, 128, 512), (16, 64, 256)
TARGETS = {(32, 16): 15.0, (64, 64): 4.5}
LEAST = 0.95
STEPS = 200
NEAR = 1e-5  # of the size of a matrix of weights, after so many steps
RUNS = 2
PAST, HORIZON = 56, 28
ROWS = 20_000


def windows_task() -> Table:
    cut = made_windows(Case(past=PAST, horizon=HORIZON, series=60, periods=300))
    layout = WORKLOAD.layout(cut, Spec(past=PAST, horizon=HORIZON))
    source = WORKLOAD.examples(cut, layout)
    rows = torch.arange(len(source))
    return Table(WORKLOAD, layout, Part(source, rows), Part(source, rows[:64]))


def cell(task: Table, hidden: int, batch: int, width: int, device: str) -> dict[str, float]:
    """Seconds a trial, alone and in a pack, the best of some turns."""
    params = {**WORKLOAD.space.defaults, "hidden_one": hidden, "hidden_two": hidden, "batch_size": batch}
    plan = Plan.of(params, epochs=1, patience=0, order=1)
    members = [Member({**params, "learning_rate": 1e-3 * (1 + k / width)}, replace(plan, seed=k)) for k in range(width)]
    members = [replace(each, plan=replace(each.plan, learning_rate=each.params["learning_rate"])) for each in members]
    rows = torch.arange(min(STEPS * batch, len(task.train)))
    train = Part(task.train, rows).to(device)
    best = {"alone": float("inf"), "pack": float("inf")}
    for turn in range(RUNS + 1):
        began = time.perf_counter()
        alone = fit(WORKLOAD, members[0].params, task.layout, train, plan=members[0].plan, device=device)
        middle = time.perf_counter()
        pack = fit_pack(WORKLOAD, members, task.layout, train, device=device)
        if turn:  # the first warms up
            best["alone"] = min(best["alone"], middle - began)
            best["pack"] = min(best["pack"], (time.perf_counter() - middle) / width)
    found = pack[0].module.state_dict()
    apart = max(float((value - found[name]).norm() / value.norm()) for name, value in alone.module.state_dict().items())
    return {
        "width": width,
        "trials_a_minute": 60 / best["pack"],
        "times": best["alone"] / best["pack"],
        "apart": apart,
    }


def form(name: str, task: Table, device: str, widths: bool) -> dict[str, Any]:
    choose = Widths(task, device)
    print(f"{name}: {len(task.train):,} examples; times quicker than one at a time (width chosen), trials a minute")
    cells: dict[str, Any] = {}
    for hidden in HIDDEN:
        for batch in BATCHES:
            params = {**WORKLOAD.space.defaults, "hidden_one": hidden, "hidden_two": hidden, "batch_size": batch}
            key = f"{hidden}x{batch}"
            cells[key] = cell(task, hidden, batch, choose(params), device)
            if widths:
                cells[key]["by_width"] = {w: round(cell(task, hidden, batch, w, device)["times"], 2) for w in WIDTHS}
        row = (cells[f"{hidden}x{batch}"] for batch in BATCHES)
        print(f"  hidden {hidden:4}: " + "   ".join(f"{c['times']:5.1f}x (K={c['width']:2})" for c in row))
    return {
        key: {
            name: value if isinstance(value, dict) else float(f"{value:.1e}") if name == "apart" else round(value, 2)
            for name, value in found.items()
        }
        for key, found in cells.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--widths", action="store_true", help="every cell at every width: trials a minute against K")
    parser.add_argument("--out", type=Path, help="with --widths: a folder for pictures of it")
    given = parser.parse_args()
    torch.set_num_threads(1)
    tasks = {"rows": made_table(WORKLOAD, ROWS), "windows": windows_task()}
    ours = {name: form(name, task, given.device, given.widths) for name, task in tasks.items()}
    if given.widths and given.out:
        print(", ".join(map(str, by_width(ours, given.out))))
    found = {key: value["times"] for key, value in ours["rows"].items()}
    met = all(found[f"{hidden}x{batch}"] >= least for (hidden, batch), least in TARGETS.items())
    met = met and all(value["times"] >= LEAST for cells in ours.values() for value in cells.values())
    met = met and all(value["apart"] <= NEAR for cells in ours.values() for value in cells.values())
    target = {f"{hidden}x{batch}": least for (hidden, batch), least in TARGETS.items()} | {
        "every cell": LEAST,
        "apart": NEAR,
    }
    report = {"name": "tune_cells", "ours": ours, "peers": {"one at a time": 1.0}, "target": target, "met": met}
    device = torch.cuda.get_device_name() if given.device.startswith("cuda") else "one CPU thread"
    print(json.dumps({**report, "device": device}))


if __name__ == "__main__":
    main()
