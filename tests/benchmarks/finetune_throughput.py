"""finetune_throughput: a thousand tenants adapted in packs, beside one Ray task a tenant; same data, way and epochs.

Ours: tenants in chunks, each chunk a Ray task that prepares its tenants, computes what is frozen once and trains all as
one program. The other side: a Ray task a tenant, which prepares its windows and fits the same layers of the same donor,
the others frozen, by the platform's own loop (same rate, batch, schedule, epochs and windows). Both run on one Ray with
as many workers as cores, one thread each; the other side on a sample of the tenants, half of it before ours and half
after, in one run.
Losses on each tenant's windows for choosing are compared tenant by tenant.

    make bench NAME=finetune_throughput
    python tests/benchmarks/finetune_throughput.py --tenants 200 --sample 40 --out charts
    python tests/benchmarks/finetune_throughput.py --device cuda     # one process, no Ray: packs against one at a time
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from forecasting.common import last_line
from transferring.alone import adapted_alone

from invplat.data.windows import windows
from invplat.model import Model, Preparation
from invplat.testing.panels import Case, made_panel
from invplat.train.loop import fit
from invplat.train.material import RECIPES
from invplat.train.plan import Plan
from invplat.transfer.batch import Member, Settings, fit_many
from invplat.transfer.examples import JUDGE, examples_of
from invplat.transfer.tenants import Tenant
from invplat.transfer.ways import way_of
from invplat.workload import Spec
from invplat_workloads.mlp import WORKLOAD

PAST, HORIZON = 28, 7
DAYS = 56  # of history
SERIES = (24, 30, 36, 42)  # of tenants, in turn
EPOCHS, BATCH, RATE, MOST = 20, 16, 1e-3, 600
CHUNK = 512  # tenants a task of ours
SIZES = (10, 100, 1_000)
TARGET, CLOSE = 20.0, 0.01


def donor() -> Model:
    """A base of the usual size that learnt from twenty other shops."""
    panels = [made_panel(Case(series=30, periods=200, seed=10_000 + number, bare=True)) for number in range(20)]
    named = [replace(panel, store=f"base {number}") for number, panel in enumerate(panels)]
    preparation = Preparation(RECIPES["daily"], "daily")
    spec = replace(Spec(), past=PAST, horizon=HORIZON, ids=())
    cut = windows(preparation.ready(named), past=PAST, horizon=HORIZON, stride=5)
    layout = WORKLOAD.layout(cut, spec)
    params = WORKLOAD.space.complete({"dropout_one": 0.0, "dropout_two": 0.0})
    source = WORKLOAD.examples(cut, layout)
    module = fit(WORKLOAD, params, layout, source, plan=Plan(epochs=3, patience=0)).module
    return Model(WORKLOAD, params, spec, layout, preparation, module.eval())


def tenant(number: int) -> Tenant:
    """Its weekdays are its own: something to learn that the base does not know."""
    case = Case(series=SERIES[number % len(SERIES)], periods=DAYS, seed=number, bare=True)
    panel = made_panel(case)
    weekday = np.random.default_rng(number).uniform(0.5, 1.8, 7)[np.arange(DAYS) % 7]
    demand = np.round(panel.demand * weekday).astype(np.float32)
    values = panel.past.values.copy()
    values[:, :, panel.past.names.index("demand")] = demand
    return Tenant(f"tenant-{number}", (replace(panel, demand=demand, past=replace(panel.past, values=values)),))


def settings(way: str) -> Settings:
    return Settings(way_of(WORKLOAD, way), rate=RATE, epochs=EPOCHS, batch=BATCH)


def packed(base: Model, tenants: list[Tenant], chosen: Settings, device: str = "cpu") -> list[tuple[Any, float]]:
    torch.set_num_threads(1)
    examples = [examples_of(base, one, most=MOST).without(JUDGE) for one in tenants]
    frozen = [one.frozen(base.module, chosen.way, device) for one in examples]
    members = [Member(one, part, chosen, base.module) for one, part in zip(examples, frozen, strict=True)]
    found = fit_many(WORKLOAD, base.layout, members, device)
    return [(one.weights, min(one.losses[1:])) for one in found]  # the other side does not count the start either


def single(base: Model, one: Tenant, chosen: Settings, device: str = "cpu") -> tuple[Any, float]:
    torch.set_num_threads(1)
    return adapted_alone(base, one, chosen, MOST, device)


@dataclass(frozen=True)
class Side:
    tenants: int
    seconds: float
    cpu: float
    losses: list[float]

    @property
    def rate(self) -> float:
        return 60 * self.tenants / self.seconds


def compared(mine: list[float], theirs: list[float]) -> tuple[float, float]:
    """By how much the losses differ: of their mean, and of the tenant in the middle."""
    each = [abs(a / b - 1) for a, b in zip(mine, theirs, strict=True)]
    return sum(mine) / sum(theirs) - 1, statistics.median(each)


def timed(work: Callable[..., Any], *given: Any) -> tuple[Any, float]:
    """And the seconds that a core worked on it, whatever else the machine did."""
    began = time.process_time()
    found = work(*given)
    return found, time.process_time() - began


def on_ray(base: Model, tenants: list[Tenant], sample: list[Tenant], chosen: Settings) -> dict[str, Any]:
    import ray

    from invplat.session import connected

    cores = os.cpu_count() or 1
    with connected(workers=cores):
        model = ray.put(base)
        task = ray.remote(num_cpus=1, max_retries=1)(timed)

        def ours(some: list[Tenant]) -> Side:
            began = time.perf_counter()
            size = max(min(CHUNK, -(-len(some) // cores)), 1)
            parts = [some[first : first + size] for first in range(0, len(some), size)]
            found = ray.get([task.remote(packed, model, part, chosen) for part in parts])
            seconds = time.perf_counter() - began
            losses = [loss for part, _ in found for _, loss in part]
            return Side(len(some), seconds, sum(cpu for _, cpu in found), losses)

        def theirs(some: list[Tenant]) -> Side:
            began = time.perf_counter()
            found = ray.get([task.remote(single, model, one, chosen) for one in some])
            seconds = time.perf_counter() - began
            return Side(len(some), seconds, sum(cpu for _, cpu in found), [loss for (_, loss), _ in found])

        theirs(sample[:1] * cores)  # workers are up, torch is in
        ours(tenants[:cores])
        half = len(sample) // 2
        first, mine, last = theirs(sample[:half]), ours(tenants), theirs(sample[half:])
        by_number = {size: mine.seconds / size for size in SIZES if size == len(tenants)}
        by_number |= {size: ours(tenants[:size]).seconds / size for size in SIZES if size < len(tenants)}
    return told(mine, first, last, dict(sorted(by_number.items())))


def in_process(
    base: Model, tenants: list[Tenant], sample: list[Tenant], chosen: Settings, device: str
) -> dict[str, Any]:
    base = replace(base, module=base.module.to(device))

    def side(work: Callable[[list[Tenant]], list[float]], some: list[Tenant]) -> Side:
        began, cpu = time.perf_counter(), time.process_time()
        losses = work(some)
        return Side(len(some), time.perf_counter() - began, time.process_time() - cpu, losses)

    def ours(some: list[Tenant]) -> list[float]:
        return [loss for _, loss in packed(base, some, chosen, device)]

    def theirs(some: list[Tenant]) -> list[float]:
        return [single(base, one, chosen, device)[1] for one in some]

    ours(tenants[:8])
    theirs(tenants[:1])
    half = len(sample) // 2
    first, mine, last = side(theirs, sample[:half]), side(ours, tenants), side(theirs, sample[half:])
    return told(mine, first, last, {})


def told(mine: Side, first: Side, last: Side, by_number: dict[int, float]) -> dict[str, Any]:
    theirs = Side(
        first.tenants + last.tenants, first.seconds + last.seconds, first.cpu + last.cpu, first.losses + last.losses
    )
    for name, side in (("ours", mine), ("one at a time", theirs)):
        print(f"{name}: {side.rate:,.0f} tenants a minute, {1e3 * side.cpu / side.tenants:,.0f} ms of a core each")
    return {"ours": mine, "theirs": theirs, "seconds_a_tenant": by_number}


def drawn(by_number: dict[int, float], alone: float, folder: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    axes.plot(list(by_number), list(by_number.values()), "o-", color="#2f6f8f", label="in packs")
    axes.axhline(alone, color="#b5533c", linestyle="--", label="one Ray task a tenant")
    axes.set(
        xscale="log", yscale="log", xlabel="tenants", ylabel="seconds a tenant", title="What a tenant's fine-tune takes"
    )
    axes.legend()
    folder.mkdir(parents=True, exist_ok=True)
    for kind in ("png", "svg"):
        figure.savefig(folder / f"finetune_throughput.{kind}", dpi=140)
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tenants", type=int, default=1_000)
    parser.add_argument("--sample", type=int, default=60, help="tenants that the other side adapts")
    parser.add_argument("--way", default="last")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=Path("charts"), help="folder of the chart")
    given = parser.parse_args()
    torch.set_num_threads(1)
    base, chosen = donor(), settings(given.way)
    tenants = [tenant(number) for number in range(given.tenants)]
    apart = max(len(tenants) // given.sample, 1)
    sample = tenants[::apart][: given.sample]
    found = (
        on_ray(base, tenants, sample, chosen)
        if given.device == "cpu"
        else in_process(base, tenants, sample, chosen, given.device)
    )
    ours, theirs = found["ours"], found["theirs"]
    mean, middle = compared(ours.losses[::apart][: len(sample)], theirs.losses)
    ratio = ours.rate / theirs.rate
    if found["seconds_a_tenant"]:
        drawn(found["seconds_a_tenant"], 60 / theirs.rate, given.out)
    close = abs(mean) <= CLOSE
    last_line(
        "finetune_throughput",
        ours={
            "tenants_a_minute": ours.rate,
            "times": ratio,
            "times by seconds of a core": (theirs.cpu / theirs.tenants) / (ours.cpu / ours.tenants),
            "loss_beside_theirs": mean,
            "middle_tenant_differs_by": middle,
            "seconds_a_tenant": found["seconds_a_tenant"],
            "tenants": len(tenants),
            "way": chosen.way.label,
            "device": given.device if given.device == "cpu" else torch.cuda.get_device_name(),
        },
        peers={"one Ray task a tenant": theirs.rate, "sample": len(sample)},
        target={"times": TARGET if given.device == "cpu" else 30.0, "losses within": CLOSE},
        met=ratio >= (TARGET if given.device == "cpu" else 30.0) and close,
        reproduced=None,
    )


if __name__ == "__main__":
    main()
