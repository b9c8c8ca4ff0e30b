"""year_replay: a year of made-up businesses, week by week, with continuous training and without it.

Five businesses of the synthetic world have a year of history, a base learnt from all of them, and a model each. Then
52 weeks come in, one after the other. In four businesses something changes: demand shifts, a line of new products
comes, a store closes, a supplier's lead time doubles. Each Monday both arms order by their forecasts, by the rules of
the service, and live through the same week. Then its data are appended, and what `invplat retrain --all` does is done:
one arm takes the models, the other keeps those it began with. Both read lead times from the same receipts.

Costs are of stock kept (1 a unit and day) and of demand that was lost (9 a unit); the opening stock is the same.

    make bench NAME=year_replay
    python tests/benchmarks/year_replay.py --weeks 26 --seed 2 --out charts
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from forecasting.common import last_line
from replaying.chart import drawn
from replaying.replay import ARMS, WITH, WITHOUT, Outcome, Sizes, replay
from replaying.world import CLOSED, LINE, SHIFT, SLOW, Shop, world

from invplat.monitor.need import Limits
from invplat.monitor.round import Wishes

AT = {SHIFT: 8, LINE: 16, CLOSED: 24, SLOW: 32}  # of 52 weeks
SIZES = Sizes(windows=12_000, epochs=12)
TENANTS, STORES, SKUS = 5, 3, 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--weeks", type=int, default=52, help="of the replay, 16 at least")
    parser.add_argument("--before", type=int, default=52, help="weeks of history")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another world")
    parser.add_argument("--base-when", type=float, help="share that has moved, from which on a new base is trained")
    parser.add_argument("--out", type=Path, default=Path("charts"), help="folder of the chart and the figures")
    given = parser.parse_args()
    torch.set_num_threads(1)
    began = time.perf_counter()
    at = {kind: max(round(week * given.weeks / 52), 1) for kind, week in AT.items()}
    shops = world(TENANTS, STORES, SKUS, given.before, given.weeks, given.seed, at)
    wishes = Wishes(limits=Limits(age=28, rest=7), base_when=given.base_when)
    with tempfile.TemporaryDirectory(prefix="invplat-year-") as home:
        out = replay(Path(home), shops, given.before, given.weeks, wishes, SIZES, print)
    told = figures(out, shops, {**vars(given), "out": str(given.out)})
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "year_replay.json").write_text(json.dumps(told, indent=1, default=str) + "\n")
    picture = drawn(out, shops, given.out / "year_replay.png")
    _print(told)
    print(f"\n{given.out / 'year_replay.json'} and {picture}, {time.perf_counter() - began:.0f} s")
    found = {one["what"]: one["days"] for one in told["troubles"]}
    last_line(
        "year_replay",
        ours={"cost": told["total"][WITH], "days until found": found},
        peers={"cost without retraining": told["total"][WITHOUT]},
        target="all four are found, none before it began, and retraining costs no more than doing without",
        met=all(one["days"] is not None and not one["too early"] for one in told["troubles"])
        and told["total"][WITH] <= told["total"][WITHOUT],
        reproduced=None,
    )


def figures(out: Outcome, shops: Sequence[Shop], arguments: dict[str, Any]) -> dict[str, Any]:
    troubles = []
    for shop in shops:
        if shop.trouble is None:
            continue
        one, found = shop.trouble, out.found(shop.trouble)
        troubles.append(
            {
                "what": one.kind,
                "tenant": one.tenant,
                "of": one.subject,
                "began": str(one.day),
                "found": None if found is None else str(found["told"]),
                "days": None if found is None else (found["told"] - one.day).days + 1,
                "signal": None if found is None else found["kind"],
                "sentence": None if found is None else found["sentence"],
                "too early": len(out.early(one)),
            }
        )
    tenants = {
        shop.name: {
            "what": shop.trouble.kind if shop.trouble else "nothing planted",
            **{arm: out.total(arm, shop.name) for arm in ARMS},
            "fine-tunes": sum(one["tenant"] == shop.name for one in out.retrained),
        }
        for shop in shops
    }
    return {
        "arguments": arguments,
        "troubles": troubles,
        "total": {arm: out.total(arm) for arm in ARMS},
        "lost share of the cost": {arm: _lost(out, arm) for arm in ARMS},
        "tenants": tenants,
        "weeks": [str(day) for day in out.weeks],
        "cumulative": {arm: [round(cost, 1) for cost in out.curve(arm).tolist()] for arm in ARMS},
        "findings": out.findings,
        "retrained": out.retrained,
        "rolled back": out.back,
        "bases": out.bases,
        "failed": out.failed,
    }


def _lost(out: Outcome, arm: str) -> float:
    weeks = [week for one in out.costs[arm].values() for week in one]
    return sum(short for _, short in weeks) / sum(held + short for held, short in weeks)


def _print(told: dict[str, Any]) -> None:
    print(f"\n{'what was planted':<30}{'began':<12}{'found':<12}{'days':>5}  {'signal':<18}{'too early':>9}")
    for one in told["troubles"]:
        days = "–" if one["days"] is None else one["days"]
        print(
            f"{one['what']:<30}{one['began']:<12}{one['found'] or 'never':<12}{days:>5}  {one['signal'] or '':<18}"
            f"{one['too early']:>9}"
        )
    print(f"\n{'cost':<44}{WITH:>16}{WITHOUT:>16}{'':>9}{'fine-tunes':>12}")
    for name, one in told["tenants"].items():
        share = one[WITH] / one[WITHOUT] - 1
        label = f"{name}, {one['what']}"
        print(f"{label:<44}{one[WITH]:>16,.0f}{one[WITHOUT]:>16,.0f}{share:>+9.1%}{one['fine-tunes']:>12}")
    both = told["total"]
    count = len(told["retrained"])
    share = both[WITH] / both[WITHOUT] - 1
    print(f"{'together':<44}{both[WITH]:>16,.0f}{both[WITHOUT]:>16,.0f}{share:>+9.1%}{count:>12}")
    for one in (*told["rolled back"], *told["bases"]):
        print(f"{one['week']} {one.get('tenant', 'base')}: {one['reason']}")
    for line in told["failed"]:
        print(f"failed: {line}")


if __name__ == "__main__":
    main()
