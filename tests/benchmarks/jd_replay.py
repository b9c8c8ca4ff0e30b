"""jd_replay: order-up-to levels for a large retailer's orders, against a published table of policies.

First the published costs are made again. Then small nets learn levels from the costs that these cause in the replay,
and are judged on SKUs that they never saw, with the retailer's own forecast among their inputs and without; several
seeds deal the folds anew. Two figures stand beside the target's: folds that keep product families whole, since a SKU's
relatives (the product in other warehouses, its variants) tell of it; and the SKUs whose stock is never known to be
below zero: one begins at -60,428, and a level that heeds it saves a fortune that says little of the rest.

    make bench NAME=jd_replay                     (about 5 minutes on one core)
    make bench NAME=jd_replay ARGS="--seeds 5"    (more deals of the folds)
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch
from deciding.folds import family, groups, held_out_levels, interval
from deciding.inputs import inputs
from deciding.nets import Plan
from deciding.orders import Numbers, Orders, read
from deciding.replay import Replay
from deciding.rules import forecast_rule, gamma_rule, normal_rule, shortened_rule
from forecasting.common import data_file, last_line

PUBLISHED = {
    "OPT": 2572.96,
    "E2E-RNN": 3036.76,
    "GBM": 3424.87,
    "BM2": 3837.83,
    "BM1": 3842.31,
    "Normal": 3961.69,
    "Gamma": 4099.95,
}
BEAT = "E2E-RNN"
VARIANTS = {"with sf_rnn": True, "without sf_rnn": False}


def published_levels(orders: Orders) -> dict[str, Numbers]:
    return {
        **orders.published,
        "BM1": forecast_rule(orders.known, orders.happened),
        "BM2": shortened_rule(orders.known, orders.happened),
        "Normal": normal_rule(orders.known),
        "Gamma": gamma_rule(orders.known),
    }


def reproduced(replay: Replay, orders: Orders) -> dict[str, Numbers]:
    """Costs of each SKU under the published policies, printed beside their published means."""
    costs = {name: replay.costs(levels) for name, levels in published_levels(orders).items()}
    print(f"{'published policy':18}{'cost':>10}{'published':>12}")
    for name, figure in PUBLISHED.items():
        print(f"{name:18}{costs[name].mean():10.2f}{figure:12.2f}")
    return costs


def ours(replay: Replay, orders: Orders, plan: Plan, seeds: int, *, forecast: bool, families: bool) -> Numbers:
    """Costs (seeds, SKUs) of levels said by nets that never saw the SKU, nor its family where asked."""
    given = inputs(orders.known, forecast=forecast)
    kept = groups([family(sku) if families else sku for sku in orders.sku])
    return np.stack([replay.costs(held_out_levels(given, replay, kept, plan, seed)) for seed in range(seeds)])


def figures(costs: Numbers, peer: Numbers, usual: Any) -> dict[str, Any]:
    """`costs` by seed and SKU; intervals are over SKUs, of the cost that a SKU has on average over seeds."""
    each = costs.mean(axis=0)
    return {
        "cost": float(each.mean()),
        "interval": interval(each),
        "less_than_e2e_rnn": float((peer - each).mean()),
        "less_interval": interval(peer - each),
        "by_seed": [float(one) for one in costs.mean(axis=1)],
        "without_stock_below_zero": float(each[usual].mean()),
        "e2e_rnn_without_stock_below_zero": float(peer[usual].mean()),
    }


def show(name: str, found: dict[str, Any]) -> None:
    low, high = found["interval"]
    less, more = found["less_interval"]
    print(
        f"{name:34}{found['cost']:7.0f} [{low:.0f}, {high:.0f}]"
        f"   {found['less_than_e2e_rnn']:+.0f} [{less:+.0f}, {more:+.0f}] under E2E-RNN"
        f"   seeds {' '.join(f'{one:.0f}' for one in found['by_seed'])}"
        f"   stock not below zero {found['without_stock_below_zero']:.0f}"
        f" (E2E-RNN {found['e2e_rnn_without_stock_below_zero']:.0f})",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=Plan.epochs)
    given = parser.parse_args()
    torch.set_num_threads(1)
    began = time.perf_counter()
    orders = read(data_file("jd_replay/orders.parquet"))
    replay = Replay(orders.sku, orders.known.initial_stock, orders.happened.demand, orders.happened.lead)
    again = reproduced(replay, orders)
    exact = all(abs(again[name].mean() - figure) < 0.005 for name, figure in PUBLISHED.items())
    below = set(replay.owner[orders.known.initial_stock < 0])
    usual = np.array([number not in below for number in range(len(replay.names))])
    plan = Plan(epochs=given.epochs)
    found: dict[str, dict[str, Any]] = {}
    for families in (False, True):
        for variant, forecast in VARIANTS.items():
            name = f"{variant}, folds by {'family' if families else 'SKU'}"
            costs = ours(replay, orders, plan, given.seeds, forecast=forecast, families=families)
            found[name] = figures(costs, again[BEAT], usual)
            show(name, found[name])
    print(f"{time.perf_counter() - began:.0f} s in all")
    last_line(
        "jd_replay",
        ours=found,
        peers={name: float(costs.mean()) for name, costs in again.items()},
        target={"cost": PUBLISHED[BEAT], "folds": "5 by SKU, every seed, with and without sf_rnn"},
        met=exact and all(max(found[f"{variant}, folds by SKU"]["by_seed"]) < PUBLISHED[BEAT] for variant in VARIANTS),
        reproduced={
            name: {"ours": float(again[name].mean()), "published": figure} for name, figure in PUBLISHED.items()
        },
    )


if __name__ == "__main__":
    main()
