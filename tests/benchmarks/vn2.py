"""vn2: six weekly orders for 599 series, two full weeks of lead time, lost sales; nine windows.

First the competition's benchmark policy is replayed as it was run (it sees the record of the weeks played). Then every
rule plays with what its own shelves let it see: weeks in which a shelf was emptied only say "no less than was sold".
Models know nothing after a window's start; settings are those that cost least over the windows that had ended by then.
Ours: an outlook (level × season, leaning on relatives), LightGBM's correction of it, paths of demand, a newsvendor.

    make bench NAME=vn2             ARGS="--starts 149" for some windows only, --open to let every rule see the record
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from forecasting.common import data_file, last_line
from weekly.choice import REHEARSALS, Contest, games, looks
from weekly.correction import Correction, learn, learn_quantile
from weekly.demand import outlook
from weekly.planner import Planner, Setting
from weekly.record import Record, read
from weekly.replay import LEAD, STARTS, Played, Rule, mean_cost
from weekly.rules import BaseStock, Published, SeasonalNaive

PUBLISHED, GOOD_RULE = 6146.0, 4444.0
LESS = 0.30
SAFETY = (0.6, 0.7, 0.8, 0.9, 1.0)
LEVELS = (0.35, 0.5, 0.65)
WAITS = (1.3, 1.7, 2.2)
BLENDS = (0.0, 0.5, 1.0)


def contests(record: Record, till: bool) -> dict[str, Contest[Any]]:
    """Every rule with its settings, ours last."""
    look = looks(record)

    @cache
    def correction(start: int) -> Correction:
        return learn(record.until(start), look)

    def quantile(start: int, level: float) -> Rule:
        say = learn_quantile(record.until(start), look, level, LEAD)
        return BaseStock(lambda known: say(outlook(known)))

    def planner(start: int, setting: Setting) -> Rule:
        return Planner(correction(start), setting)

    def naive(start: int, safety: float) -> Rule:
        return SeasonalNaive(safety)

    ours = games(record, planner, till=till)
    settings = [Setting(blend, waits) for blend, waits in product(BLENDS, WAITS)]
    return {
        "seasonal_naive": Contest(games(record, naive, till=till), SAFETY),
        "lightgbm_quantile": Contest(games(record, quantile, till=till), LEVELS),
        "ours_without_lightgbm": Contest(ours, [one for one in settings if one.blend == 0]),
        "ours_lightgbm_alone": Contest(ours, [one for one in settings if one.blend == 1]),
        "ours": Contest(ours, settings),
    }


def show(name: str, costs: Sequence[float], seconds: float) -> float:
    mean = float(np.mean(costs))
    print(f"  {name:24}{mean:9.1f}  {''.join(f'{cost:8.0f}' for cost in costs)}{seconds:8.0f} s", flush=True)
    return mean


def said(setting: object) -> str:
    return f"{setting.blend:g}/{setting.waits:g}" if isinstance(setting, Setting) else str(setting)


def parts(played: Sequence[Played]) -> str:
    held = np.mean([0.2 * one.held[:, LEAD - 1 :].sum() for one in played])
    short = np.mean([one.short[:, LEAD - 1 :].sum() for one in played])
    return f"held {held:.0f}, short {short:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, nargs="+", default=list(STARTS))
    parser.add_argument("--open", action="store_true", help="every rule sees the record of the weeks played")
    given = parser.parse_args()
    began = time.perf_counter()
    record = read(data_file("vn2/weekly_sales.parquet").parent)
    starts, till = given.starts, not given.open
    print(f"{len(record.sales)} series, {record.known} weeks; windows start after week {', '.join(map(str, starts))}")
    print(f"  {'rule':24}{'mean':>9}  by window")
    published = show("benchmark, as published", mean_cost(record, [Published()] * len(starts), starts, till=False), 0)
    peers = {"benchmark": show("benchmark", mean_cost(record, [Published()] * len(starts), starts, till=till), 0)}
    rehearsals = tuple(one for one in REHEARSALS if one < min(starts))
    for name, contest in contests(record, till).items():
        first = time.perf_counter()
        judged = contest.judged(starts, rehearsals)
        peers[name] = show(name, [one.cost for _, one in judged], time.perf_counter() - first)
        print(f"    {parts([one for _, one in judged])}; settings: {'; '.join(said(setting) for setting, _ in judged)}")
    ours = peers.pop("ours")
    print(f"{time.perf_counter() - began:.0f} s in all")
    target = (1 - LESS) * published
    last_line(
        "vn2",
        ours=ours,
        peers={**peers, "good_rule_published": GOOD_RULE},
        target=f"{LESS:.0%} under the benchmark policy on the mean of nine windows: {target:.1f} or less",
        met=tuple(starts) == STARTS and ours <= target,
        reproduced={"benchmark": {"ours": published, "published": PUBLISHED}},
    )


if __name__ == "__main__":
    main()
