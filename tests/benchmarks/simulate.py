"""simulate: series-days a second of the batched simulator on one core, and of a plain loop over days and items.

The simple case (fixed lead time, a base-stock rule, lost sales or backlog) is held to its target; the others show what
random lead times, packs with review days, shelf life and gradients cost. Batches are drawn before the clock starts.

    make bench NAME=simulate
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from invplat.inventory.outcome import Costs
from invplat.inventory.policy import BaseStock
from invplat.inventory.simulate import World, simulate
from invplat.inventory.terms import Terms

TARGET = 20e6  # series-days a second, one core, the simple case
ITEMS, DAYS, RUNS = 16_384, 365, 5
LEAD, LEVEL, START = 2, 20.0, 10.0
COSTS = Costs(1.0, 9.0)


def plain(demand: list[list[float]], lead: int) -> list[float]:
    """The simple case as one would write it for one item: the other side."""
    totals = []
    for series in demand:
        level, held, short = START, 0.0, 0.0
        due = [0.0] * lead
        for wanted in series:
            level += due.pop(0)
            due.append(max(LEVEL - level - sum(due), 0.0))
            sold = min(level, wanted)
            short += wanted - sold
            level -= sold
            held += level
        totals.append(held + 9.0 * short)
    return totals


def seconds(work: Callable[[], object], runs: int) -> float:
    work()
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--runs", type=int, default=RUNS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    random = torch.Generator().manual_seed(0)
    # Days first in memory, as the simulator walks them; items × days to look at.
    demand = torch.poisson(torch.full((DAYS, given.items), 5.0), generator=random).t()
    leads = torch.randint(1, 5, (DAYS, given.items), generator=random).t()
    worlds = {
        "lost_sales": World(lead=LEAD),
        "backlog": World(lead=LEAD, lost=False),
        "random_leads": World(lead=leads),
        "random_leads_in_order": World(lead=leads, crossing=False),
        "packs_weekly_reviews": World(lead=LEAD, reviews=7, terms=Terms(minimum=6.0, pack=3.0, capacity=80.0)),
        "shelf_life_5": World(lead=LEAD, shelf_life=5),
    }
    size = demand.numel()
    ours = {}
    for name, world in worlds.items():

        def run(world: World = world) -> Tensor:
            with torch.no_grad():
                return simulate(BaseStock(LEVEL), demand, world, initial=START).cost(COSTS)

        ours[name] = size / seconds(run, given.runs)

    def with_gradients() -> None:
        level = torch.full((given.items,), LEVEL, requires_grad=True)
        simulate(BaseStock(level), demand, worlds["lost_sales"], initial=START).cost(COSTS).sum().backward()

    ours["lost_sales_and_gradients"] = size / seconds(with_gradients, 1)
    few = demand[:200]
    listed = few.tolist()
    peer = few.numel() / seconds(lambda: plain(listed, LEAD), 1)
    same = simulate(BaseStock(LEVEL), few, worlds["lost_sales"], initial=START).cost(COSTS).tolist() == plain(
        listed, LEAD
    )
    print(
        f"{given.items:,} series × {DAYS} days, one core; the loop in plain Python on 200 of them, same costs: {same}"
    )
    for name, rate in (*ours.items(), ("plain_loop", peer)):
        print(f"  {name:26} {rate / 1e6:9.1f} million series-days a second")
    slowest = min(ours["lost_sales"], ours["backlog"])
    print(
        json.dumps(
            {
                "name": "simulate",
                "ours": {name: round(rate) for name, rate in ours.items()},
                "peers": {"plain_loop": round(peer)},
                "target": {"lost_sales": TARGET, "backlog": TARGET, "same_costs": True},
                "met": slowest >= TARGET and same,
            }
        )
    )


if __name__ == "__main__":
    main()
