"""tune_throughput: a Bayesian search of the base MLP over its study's space, beside plain Ray Tune on the same cores.

Plain Ray Tune: Optuna, ASHA, one configuration a trial, reused processes. Both sides train the same net with the same
loop on the same table, validate after each epoch, and write nothing down; Ray is up already for both. Twice: with
halving, for the time until the other side's best validation loss is reached; and without, so that trials and epochs are
equal, for the whole study. Seeds in turns, medians. What is not arithmetic is told as a share of the cores' time.

    make bench NAME=tune_throughput
"""

from __future__ import annotations

import argparse
import json
import statistics
from math import isfinite
from typing import Any

import torch
from tuning.ours import ours
from tuning.plain import Ran, plain
from tuning.tables import made_table

from invplat.session import connected
from invplat_workloads.mlp import WORKLOAD

TRIALS, EPOCHS, ROWS, CORES = 64, 9, 6_000, 2
TARGET = {"time_to_loss": 0.25, "whole_study": 0.5, "outside_arithmetic": 0.1}


def outside(ran: Ran) -> float:
    return 1 - ran.arithmetic / (CORES * ran.seconds)


def side(ran: Ran) -> dict[str, Any]:
    return {
        "seconds": round(ran.seconds, 1),
        "best_loss": round(ran.best, 5),
        "epochs": ran.epochs,
        "outside_arithmetic": round(outside(ran), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--rows", type=int, default=ROWS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    task = made_table(WORKLOAD, given.rows)
    options = {"trials": given.trials, "epochs": EPOCHS, "at_once": CORES}
    runs: list[dict[str, Any]] = []
    with connected(CORES):
        plain(task, WORKLOAD.space, **{**options, "trials": 2}, seed=99, halving=True)  # brings the processes up
        for seed in range(given.seeds):
            for halving in (True, False):
                theirs = plain(task, WORKLOAD.space, **options, seed=seed, halving=halving)
                mine = ours(task, WORKLOAD.space, **options, seed=seed, halving=halving)
                reached, needed = mine.until(theirs.best), theirs.until(theirs.best)
                found = {"seed": seed, "halving": halving, "ours": side(mine), "plain": side(theirs)}
                found["whole_study"] = mine.seconds / theirs.seconds
                found["time_to_loss"] = None if reached is None or not needed else reached / needed
                runs.append(found)
                print(json.dumps(found))
    quick = [run["time_to_loss"] if run["time_to_loss"] is not None else float("inf") for run in runs if run["halving"]]
    whole = [run["whole_study"] for run in runs if not run["halving"]]
    rest = [run["ours"]["outside_arithmetic"] for run in runs if not run["halving"]]
    figures = {
        "time_to_loss": round(statistics.median(quick), 3),
        "whole_study": round(statistics.median(whole), 3),
        "whole_study_with_halving": round(statistics.median(run["whole_study"] for run in runs if run["halving"]), 3),
        "outside_arithmetic": round(statistics.median(rest), 3),
    }
    met = all(figures[name] <= most for name, most in TARGET.items())
    told = {name: value if isfinite(value) else None for name, value in figures.items()}  # None: never reached
    peers = {"plain_ray_tune": 1.0}
    print(json.dumps({"name": "tune_throughput", "ours": told, "peers": peers, "target": TARGET, "met": met}))


if __name__ == "__main__":
    main()
