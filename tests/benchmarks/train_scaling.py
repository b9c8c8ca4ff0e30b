"""train_scaling: the base MLP by one worker and by two, stores shared out, on Ray Train; only epochs are measured.

Every batch is the one that a fit alone would see, so two workers have half of it each and their weights are those of
one: nothing is gained by larger batches. What a step costs however small it is (some hundreds of operations, the
optimizer) is paid by both workers, so the gain hangs on net and batch; three cells are shown; the one that counts is
the usual net at the largest batch of its space. `bound` is what two workers would gain if they never had to talk nor to
wait: the same loop, in this process, on the shard of one of two workers.

The other side is the bare loop of train_loop: the same net and optimizer on one batch that lies ready in memory.

    make bench NAME=train_scaling
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from click.testing import CliRunner
from train_loop import bare

from invplat.cli.main import cli
from invplat.data.dataset import Dataset
from invplat.session import connected
from invplat.storage import open_storage
from invplat.train.distributed import trained_by_workers
from invplat.train.exchange import Single
from invplat.train.loop import fit
from invplat.train.material import Material, Part, read_material
from invplat.train.plan import Plan
from invplat.train.shared import NOBODY, Shared
from invplat.workload import find

STORES, SKUS, DAYS, WINDOWS = 8, 60, 500, 40_000
GAIN, SHARE = 1.7, 0.6
CELLS: dict[str, dict[str, Any]] = {
    "usual net, batch 256": {},
    "usual net, batch 512": {"batch_size": 512},
    "512 x 512, batch 512": {"batch_size": 512, "hidden_one": 512, "hidden_two": 512},
}
COUNTS = "usual net, batch 512"


def made_dataset(home: Path) -> Dataset:
    def run(*words: object) -> None:
        ended = CliRunner().invoke(cli, [*map(str, words), "--home", str(home), "--quiet"])
        if ended.exit_code:
            raise SystemExit(ended.output)

    run("data", "synth", "--tenants", 1, "--stores", STORES, "--skus", SKUS, "--days", DAYS, "--out", home / "world")
    run("data", "ingest", "--tenant", "chain", home / "world" / "tenant-0000")
    return Dataset.open(open_storage(str(home / "storage")), "chain")


def samples_a_second(dataset: Dataset, params: dict[str, Any], workers: int, epochs: int) -> float:
    """Of the best epoch; the first one warms up."""
    made = trained_by_workers(
        find("mlp"),
        [dataset],
        workers=workers,
        params=params,
        plan={"epochs": epochs + 1, "patience": 0},
        asked={"most": WINDOWS},
    )
    return made.windows / min(epoch.seconds for epoch in made.fitted.history[1:])


def bound(material: Material, params: dict[str, Any]) -> float:
    """Processor time of one worker that has everything, beside one that has half of it and nobody to wait for."""
    count = len(material.train)
    half = torch.where(torch.arange(count) % 2 == 0, torch.arange(count) // 2, NOBODY)
    seen = material.train
    whole = Shared(seen, torch.arange(count))
    part = Shared(Part(seen.whole, seen.rows[::2]), half)
    plan = Plan.of(params, epochs=1, patience=0)
    taken: list[list[float]] = [[], []]
    for _ in range(3):
        for place, source in enumerate((whole, part)):
            began = time.process_time()
            fit(material.workload, params, material.layout, source, plan=plan, exchange=Single())
            taken[place].append(time.process_time() - began)
    return min(taken[0]) / min(taken[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--runs", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(1)
    ours: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        dataset = made_dataset(Path(folder))
        workload = find("mlp")
        material = read_material(workload, [dataset], most=WINDOWS)
        print(f"{len(material.train):,} windows of {STORES} stores; load {os.getloadavg()[0]:.1f}")
        with connected(2):
            for name, chosen in CELLS.items():
                params = workload.space.complete(chosen)
                one, two, ready = [], [], []
                for _ in range(given.runs):  # one after the other, so that a busy minute falls on all sides
                    one.append(samples_a_second(dataset, chosen, 1, given.epochs))
                    two.append(samples_a_second(dataset, chosen, 2, given.epochs))
                    ready.append(bare(dict(params), material.layout, material.train, 60))
                found = {"one": max(one), "two": max(two), "bare": max(ready)}
                ours[name] = {
                    **found,
                    "gain": found["two"] / found["one"],
                    "of_bare_one": found["one"] / found["bare"],
                    "of_bare_two": found["two"] / (2 * found["bare"]),
                    "bound": bound(material, params),
                }
                print(
                    f"  {name:22} 1 worker {found['one']:8,.0f} samples/s, 2 workers {found['two']:8,.0f}: "
                    f"{ours[name]['gain']:.2f}x (without talk {ours[name]['bound']:.2f}x); "
                    f"of the bare loop {ours[name]['of_bare_one']:.0%} and {ours[name]['of_bare_two']:.0%}; "
                    f"load {os.getloadavg()[0]:.1f}",
                    flush=True,
                )
    counts = ours[COUNTS]
    print(
        json.dumps(
            {
                "name": "train_scaling",
                "ours": {name: {key: round(value, 3) for key, value in found.items()} for name, found in ours.items()},
                "peers": {"bare_samples_a_second": round(counts["bare"])},
                "target": {"gain": GAIN, "of_bare": SHARE, "cell": COUNTS},
                "met": counts["gain"] >= GAIN and min(counts["of_bare_one"], counts["of_bare_two"]) >= SHARE,
            }
        )
    )


if __name__ == "__main__":
    main()
