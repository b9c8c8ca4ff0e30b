"""e2e_synthetic: the generated record behind the end-to-end model; orders replayed on its own demand and lead times.

One decision a series: the order of day 42, its cost (holding 1, lacking 9 a unit and day) from its arrival until the
next order arrives, in the house's simulator, unmet demand waiting. Every rule knows the days before 42 only.

To be reproduced: the stored orders, as hindsight's for an order on the day after the flag, the stock position being
yesterday's stock less that day's demand. To beat: 80 % of the gap between a base-stock rule and hindsight, closed. The
rule is the textbook's, its mean, deviation and lead times from the known days. Two more are shown, whose levels would
have cost least on the known days, and `oracle`, which knows how demand and lead times are distributed: as nothing that
does not see the future can do better, what it closes is a bound on everyone.

    make bench NAME=e2e_synthetic       ARGS="--ablation" for what each step is worth, --epochs 16 for a longer training
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from forecasting.common import data_file, last_line, our_workload
from ordering.peers import base_stock, fitted_base_stock, oracle, predict_then_draw, predict_then_optimise
from ordering.synthetic import Record
from ordering.written import STEPS, Step, level_of

from invplat.inventory.quantiles import Demand

TARGET = 0.8
NAME = "ours"
RULES = ("base_stock", "base_stock_fitted_by_series", "base_stock_fitted_by_sku")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument(
        "--seeds", type=int, default=1, help="runs of ours and of what the ablation shows; costs are their means"
    )
    given = parser.parse_args()
    began = time.perf_counter()
    torch.set_num_threads(1)  # small nets; a second thread mostly waits
    record = Record.read(data_file("e2e_synthetic/inventory_dataset.parquet"))
    reproduced = record.reproduced()
    print(f"{reproduced:.2%} of the stored orders reproduced")
    print(f"the order of day {record.known} of {len(record.sku):,} series:")
    costs = ruled(record)
    costs["as_written"] = said("as written", lambda: record.cost(level_of(STEPS[0], record, epochs=30)))
    ours = our_costs(record, given.epochs, given.seeds)
    costs.update(ours)
    gaps = closed(costs)
    report(costs, gaps)
    if given.ablation and ours:
        ablation(record, costs, given.epochs, given.seeds)
    print(f"{time.perf_counter() - began:.0f} s in all")
    last_line(
        "e2e_synthetic",
        ours={
            "cost": costs[NAME],
            "gap_closed": gaps["base_stock"][NAME],
            "of_what_is_possible": gaps["base_stock"][NAME] / gaps["base_stock"]["oracle"],
        }
        if ours
        else "missing: no workload e2e",
        peers={
            "cost": {name: cost for name, cost in costs.items() if name != NAME},
            "gap_closed_of": {rule: {name: gaps[rule][name] for name in gaps[rule]} for rule in gaps},
        },
        target={"gap_closed": TARGET, "possible_without_the_future": {rule: gaps[rule]["oracle"] for rule in gaps}},
        met=bool(ours) and gaps["base_stock"][NAME] >= TARGET,
        reproduced={"stored_orders": {"ours": reproduced, "published": 1.0}},
    )


def ruled(record: Record) -> dict[str, float]:
    """What needs no net."""
    levels: dict[str, Callable[[], Any]] = {
        "hindsight": lambda: record.hindsight().level[:, record.judged],
        "hindsight_rounded_up": lambda: record.hindsight(up=True).level[:, record.judged],
        "oracle": lambda: oracle(record),
        "base_stock": lambda: base_stock(record),
        "base_stock_fitted_by_series": lambda: fitted_base_stock(record, np.arange(len(record.sku))),
        "base_stock_fitted_by_sku": lambda: fitted_base_stock(record, record.sku),
    }
    return {name: said(name, lambda make=make: record.cost(make())) for name, make in levels.items()}  # type: ignore[misc]


def our_costs(record: Record, epochs: int, seeds: int) -> dict[str, float]:
    """Ours, and what its own forecast comes to where rules make the order."""
    workload = our_workload("e2e")
    if workload is None:
        return {}
    from ordering.ours import answer

    answers = [answer(record, epochs=epochs, seed=seed) for seed in range(seeds)]
    for seed, each in enumerate(answers):
        print(f"  ours, seed {seed}: {record.cost(each.level):.1f}, RMSE of demand {each.error:.3f}", flush=True)
    demand = Demand(torch.tensor(answers[0].levels), answers[0].quantiles)
    return {
        NAME: float(np.mean([record.cost(each.level) for each in answers])),
        "predict_then_optimise": record.cost(predict_then_optimise(record, demand)),
        "predict_then_draw": record.cost(predict_then_draw(record, demand)),
    }


def said(name: str, work: Callable[[], float]) -> float:
    began = time.perf_counter()
    cost = work()
    print(f"  {name}: {cost:.1f} ({time.perf_counter() - began:.0f} s)", flush=True)
    return cost


def closed(costs: dict[str, float]) -> dict[str, dict[str, float]]:
    """Of the gap between each base-stock rule and hindsight."""
    return {
        rule: {name: (costs[rule] - cost) / (costs[rule] - costs["hindsight"]) for name, cost in costs.items()}
        for rule in RULES
    }


def report(costs: dict[str, float], gaps: dict[str, dict[str, float]]) -> None:
    print(f"\n  {'rule':30}{'cost':>9}   share of the gap to hindsight that it closes, from a base-stock rule of")
    print(f"  {'':39}{'the textbook':>15}{'fitted, series':>16}{'fitted, SKU':>14}")
    for name, cost in sorted(costs.items(), key=lambda item: item[1]):
        shares = "".join(f"{gaps[rule][name]:{width}.1%}" for rule, width in zip(RULES, (15, 16, 14), strict=True))
        print(f"  {name:30}{cost:9.1f}{shares}")


def ablation(record: Record, costs: dict[str, float], epochs: int, seeds: int) -> None:
    """Means of all seeds: the document's net with one exchange after the other, then ours with one idea less."""
    from ordering.lesser import LESSER

    from invplat_workloads.e2e.workload import E2E

    def mean(work: Callable[[int], Any]) -> float:
        return float(np.mean([record.cost(work(seed)) for seed in range(seeds)]))

    found = {}
    for step in STEPS:
        rounds = 30 if not step.sliding else 2 * epochs
        work = partial(stepped, step, record, rounds)
        found[step.name] = said(step.name, partial(mean, work))
    for name, make in (("ours", E2E), *((f"ours, but {each.name}", each.make) for each in LESSER)):
        found[name] = said(name, partial(mean, partial(learnt, make, record, epochs)))
    print(f"\n  {'ablation, means of ' + str(seeds) + ' seeds':52}{'cost':>9}{'gap closed':>12}")
    for name, cost in found.items():
        share = (costs["base_stock"] - cost) / (costs["base_stock"] - costs["hindsight"])
        print(f"  {name:52}{cost:9.1f}{share:12.1%}")


def learnt(make: Callable[..., Any], record: Record, epochs: int, seed: int) -> Any:
    from ordering.ours import answer

    return answer(record, epochs=epochs, seed=seed, make=make).level


def stepped(step: Step, record: Record, epochs: int, seed: int) -> Any:
    return level_of(step, record, epochs=epochs, seed=seed)


if __name__ == "__main__":
    main()
