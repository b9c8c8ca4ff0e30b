"""serve_bulk: every series of a business in one request as Arrow, beside the same series as JSON, one by one.

One connection each, kept alive; by one replica, in turns, in one run. The answers are compared number by number.

    make bench NAME=serve_bulk
    make bench NAME=serve_bulk ARGS="--rounds 9"
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import requests
from forecasting.common import last_line
from serving.world import BIG, built

from invplat.serve.deployment import Options, deploy

PORT = 8173
ARROW = "application/vnd.apache.arrow.stream"
SINGLES = 400  # series asked for one by one in a round
TARGET = 50.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tenants", type=int, default=1_000, help="of the world; the same as serve_single's")
    parser.add_argument("--home", type=Path, default=Path("/tmp/invplat-serving"), help="where the world is made")
    given = parser.parse_args()
    world = built(given.home, given.tenants)
    with deploy(world.settings, Options(port=PORT, rate=0.0)) as ours, requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {world.big_key}"
        url = f"{ours.url}/v1/tenants/{BIG}/forecasts"
        whole = _whole(session, url)
        names = list(zip(whole.column("store").to_pylist(), whole.column("sku").to_pylist(), strict=True))
        some = names[:: max(len(names) // SINGLES, 1)][:SINGLES]
        apart = _apart(session, url, whole, names, some)
        bulk, single, everything = [], [], []
        for turn in range(given.rounds):
            bulk.append(len(names) / _timed(lambda: _whole(session, url)))
            single.append(len(some) / _timed(lambda: [_one(session, url, name) for name in some]))
            everything.append(len(names) / _timed(lambda: session.post(url, json={}).raise_for_status()))
            print(f"round {turn + 1}: Arrow {bulk[-1]:,.0f}, JSON one by one {single[-1]:,.0f} forecasts/s", flush=True)
    ratio = statistics.median(bulk) / statistics.median(single)
    print(f"\n{len(names):,} series of 28 periods × 9 quantiles; forecasts a second, medians of {given.rounds}")
    print(f"Arrow, all in one    {statistics.median(bulk):12,.0f}")
    print(f"JSON, all in one     {statistics.median(everything):12,.0f}")
    print(f"JSON, one by one     {statistics.median(single):12,.0f}   Arrow is {ratio:.0f} times as fast")
    last_line(
        "serve_bulk",
        ours={"forecasts_a_second": statistics.median(bulk), "series": len(names), "relative_difference": apart},
        peers={"json_one_by_one": statistics.median(single), "json_in_one": statistics.median(everything)},
        target={"times": f">= {TARGET:g}"},
        met=ratio >= TARGET and apart < 1e-5,
        reproduced=None,
    )


def _whole(session: requests.Session, url: str) -> pa.Table:
    answer = session.post(url, json={}, headers={"Accept": ARROW})
    answer.raise_for_status()
    return pa.ipc.open_stream(answer.content).read_all()


def _one(session: requests.Session, url: str, name: tuple[str, str]) -> Any:
    answer = session.post(url, json={"series": [{"store": name[0], "sku": name[1]}]})
    answer.raise_for_status()
    return answer.json()["forecasts"][0]


def _apart(session: requests.Session, url: str, whole: pa.Table, names: list[Any], some: list[Any]) -> float:
    """The largest difference, beside each series' largest number."""
    place = {name: row for row, name in enumerate(names)}
    quantiles = whole.column("quantiles")
    worst = 0.0
    for name in some[:50]:
        theirs = np.array(_one(session, url, name)["quantiles"])
        ours = np.array(quantiles[place[name]].as_py())
        worst = max(worst, float(np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-9)))
    return worst


def _timed(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
