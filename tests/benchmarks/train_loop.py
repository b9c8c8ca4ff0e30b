"""train_loop: where the time of the panel MLP's training goes: arithmetic that learns, or everything around it.

Whole epochs on one CPU thread, in turns with a profile and without one: the seconds of products and optimizer come from
the profile, the wall clock they are held against from the fit beside it, for writing a profile is no part of the loop.
Medians of three. Learning is matrix products (forward and backward) and the optimizer; around it lie gathering windows,
activations, the loss and Python: some hundreds of operations a step that cost about the same however wide the net is,
so its share grows with the net's width; two widths are shown. The other side is the bare loop: the same net and
optimizer on one batch that is already gathered, so what the loop adds is a ratio of samples a second.

    make bench NAME=train_loop
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from statistics import median
from typing import Any

import torch

from invplat.data.layout import Layout
from invplat.testing.panels import Case, made_windows
from invplat.train.chance import Alone
from invplat.train.loop import fit
from invplat.train.plan import Plan
from invplat.workload import Source, Spec
from invplat_workloads.mlp import WORKLOAD

RUNS = 3
TARGET = 0.8  # share of the time in matrix products and the optimizer
PAST, HORIZON = 56, 28
PRODUCTS = ("aten::addmm", "aten::mm", "aten::bmm", "aten::baddbmm", "aten::_addmm_activation")
OPTIMIZER = "Optimizer.step#AdamW.step"
PARAMS = {"hidden_one": 512, "hidden_two": 512, "batch_size": 512}


def learning(events: Iterable[Any]) -> dict[str, float]:
    """Seconds."""
    found = list(events)
    products = sum(event.self_cpu_time_total for event in found if event.key in PRODUCTS) / 1e6
    optimizer = sum(event.cpu_time_total for event in found if event.key == OPTIMIZER) / 1e6
    return {"products": products, "optimizer": optimizer}


def bare(params: dict[str, Any], layout: Layout, source: Source, steps: int) -> float:
    """Samples a second of the same net and optimizer on one batch that lies ready."""
    module = WORKLOAD.build(params, layout)
    optimizer = torch.optim.AdamW(module.parameters(), fused=True)
    batch = source.batch(torch.arange(params["batch_size"]))
    inputs = WORKLOAD.inputs(module, batch, Alone(0))
    began = time.perf_counter()
    for _ in range(steps):
        optimizer.zero_grad()
        WORKLOAD.loss(module(**inputs), batch, layout).mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return steps * len(batch.level) / (time.perf_counter() - began)


def profiled(params: dict[str, Any], layout: Layout, source: Source, plan: Plan) -> dict[str, float]:
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        fit(WORKLOAD, params, layout, source, plan=plan)
    return learning(profile.key_averages())


def measure(params: dict[str, Any], layout: Layout, source: Source, epochs: int) -> dict[str, float]:
    plan = Plan.of(params, epochs=epochs, patience=0)
    fit(WORKLOAD, params, layout, source, plan=Plan.of(params, epochs=1, patience=0))  # warms up
    walls, bares, profiles = [], [], []
    for _ in range(RUNS):
        began = time.perf_counter()
        fit(WORKLOAD, params, layout, source, plan=plan)
        walls.append(time.perf_counter() - began)
        profiles.append(profiled(params, layout, source, plan))
        bares.append(bare(params, layout, source, -(-len(source) // plan.batch_size)))
    wall = median(walls)
    found = {name: median(profile[name] for profile in profiles) / wall for name in profiles[0]}
    return {
        **found,
        "learning": sum(found.values()),
        "samples_a_second": epochs * len(source) / wall,
        "bare_samples_a_second": median(bares),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    windows = made_windows(Case(past=PAST, horizon=HORIZON, series=60, periods=400))
    layout = WORKLOAD.layout(windows, Spec(past=PAST, horizon=HORIZON))
    source = WORKLOAD.examples(windows, layout)
    sizes = {"default": WORKLOAD.space.defaults, "large": {**WORKLOAD.space.defaults, **PARAMS}}
    ours = {name: measure(dict(params), layout, source, given.epochs) for name, params in sizes.items()}
    print(f"panel MLP, {len(source):,} windows of {PAST} + {HORIZON} days, one CPU thread")
    for name, found in ours.items():
        print(
            f"  {name:8} {found['products']:.0%} matrix products + {found['optimizer']:.0%} optimizer; "
            f"{found['samples_a_second']:,.0f} samples/s, bare loop {found['bare_samples_a_second']:,.0f}"
        )
    rounded = {name: {key: round(value, 3) for key, value in found.items()} for name, found in ours.items()}
    peers = {name: {"bare_samples_a_second": found.pop("bare_samples_a_second")} for name, found in rounded.items()}
    met = all(found["learning"] >= TARGET for found in ours.values())
    print(
        json.dumps({"name": "train_loop", "ours": rounded, "peers": peers, "target": {"learning": TARGET}, "met": met})
    )


if __name__ == "__main__":
    main()
