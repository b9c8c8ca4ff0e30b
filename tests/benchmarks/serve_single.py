"""serve_single: one series a request, a thousand businesses; beside FastAPI with a torch model a business in an LRU.

Ours: `invplat deploy`, HAProxy in front. The other side: `serving/peer.py` under uvicorn with as many processes as we
have replicas. Both are up and warm: every business was asked, and ours has written down every forecast, which it does
once and the other side never. They are asked in turns by wrk from a process of its own; the same businesses, series,
keys and weights, and both answer 28 periods × 9 quantiles as JSON. The two answers are compared number by number first.

    make bench NAME=serve_single
    make bench NAME=serve_single ARGS="--tenants 100 --replicas 2 --rounds 5"
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import requests
from forecasting.common import last_line
from serving.load import Measured, ask, needs_wrk
from serving.world import World, built

from invplat.serve.deployment import Options, deploy

OURS, THEIRS = 8171, 8172
SECONDS = 4.0
WRITTEN = 40.0  # until ours has written down what it said of each series, once: the other side keeps no such record
TARGETS = {"rate": 1.1, "p50_alone": 1.5, "many_over_one": 0.9}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tenants", type=int, default=1_000)
    parser.add_argument("--replicas", type=int, default=1, help="and processes of the other side")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--home", type=Path, default=Path("/tmp/invplat-serving"), help="where the world is made")
    given = parser.parse_args()
    needs_wrk()
    print(f"a world of {given.tenants:,} businesses under {given.home}", flush=True)
    world = built(given.home, given.tenants)
    replicas = (given.replicas, given.replicas)
    options = Options(port=OURS, replicas=replicas, rate=0.0)
    with deploy(world.settings, options) as ours, _peer(world, given.replicas) as theirs:
        sides = {"ours": ours.url, "peer": theirs}
        apart = _warm(world, sides)
        measured = _measured(world, sides, given.rounds, given.seconds)
    _tell(given, measured, apart)


def _warm(world: World, sides: dict[str, str]) -> float:
    """Every business asked on both sides, by every process; the largest relative difference between the two."""
    apart = 0.0
    for name, key in zip(world.names, world.keys, strict=True):
        store, sku = world.series[hash(name) % len(world.series)]
        said = {}
        for side, url in sides.items():
            answer = requests.post(
                f"{url}/v1/tenants/{name}/forecasts",
                json={"series": [{"store": store, "sku": sku}]},
                headers={"Authorization": f"Bearer {key}"},
                timeout=60,
            )
            answer.raise_for_status()
            said[side] = np.array(answer.json()["forecasts"][0]["quantiles"])
        whole = {"Authorization": f"Bearer {key}", "Accept": "application/vnd.apache.arrow.stream"}
        requests.post(f"{sides['ours']}/v1/tenants/{name}/forecasts", json={}, headers=whole, timeout=60)
        apart = max(apart, float(np.max(np.abs(said["ours"] - said["peer"]) / (np.abs(said["peer"]) + 1e-3))))
    for url in sides.values():
        for seed in range(3):
            ask(url, world.names, world.keys, world.series, connections=64, seconds=SECONDS, seed=seed)
    time.sleep(WRITTEN)
    return apart


def _measured(world: World, sides: dict[str, str], rounds: int, seconds: float) -> dict[str, list[Measured]]:
    everyone = (world.names, world.keys)
    one = (world.names[:1], world.keys[:1])
    kinds: dict[str, tuple[Any, int]] = {"64": (everyone, 64), "16": (everyone, 16), "1": (everyone, 1)}
    found: dict[str, list[Measured]] = {}
    for turn in range(rounds):
        for kind, (who, connections) in kinds.items():
            for side in sorted(sides, reverse=bool(turn % 2)):
                said = ask(sides[side], *who, world.series, connections=connections, seconds=seconds, seed=turn)
                found.setdefault(f"{side} {kind}", []).append(said)
        found.setdefault("ours one", []).append(
            ask(sides["ours"], *one, world.series, connections=64, seconds=seconds, seed=turn)
        )
        print(f"round {turn + 1} of {rounds}", flush=True)
    return found


def _tell(given: Any, measured: dict[str, list[Measured]], apart: float) -> None:
    def middle(kind: str, what: str) -> float:
        return statistics.median(getattr(each, what) for each in measured[kind])

    print(f"\n{'':16}{'requests/s':>12}{'p50 ms':>10}{'p99 ms':>10}{'bad':>6}")
    for kind, rounds in measured.items():
        bad = sum(each.bad for each in rounds)
        print(f"{kind:16}{middle(kind, 'rate'):12,.0f}{middle(kind, 'p50'):10.2f}{middle(kind, 'p99'):10.2f}{bad:6}")
    figures = {
        "rate": middle("ours 64", "rate") / middle("peer 64", "rate"),
        "p99": middle("ours 64", "p99") / middle("peer 64", "p99"),
        "p50_alone": middle("ours 1", "p50") / middle("peer 1", "p50"),
        "many_over_one": middle("ours 64", "rate") / middle("ours one", "rate"),
    }
    bad = sum(each.bad for kind, rounds in measured.items() if kind.startswith("ours") for each in rounds)
    met = (
        figures["rate"] >= TARGETS["rate"]
        and figures["p99"] < 1
        and figures["p50_alone"] <= TARGETS["p50_alone"]
        and figures["many_over_one"] >= TARGETS["many_over_one"]
        and bad == 0
        and apart < 1e-3
    )
    last_line(
        "serve_single",
        ours={"tenants": given.tenants, "replicas": given.replicas, "over_peer": figures},
        peers={"fastapi": {"processes": given.replicas, "relative_difference": apart}},
        target={"rate": ">= 1.1", "p99": "< 1", "p50_alone": "<= 1.5", "many_over_one": ">= 0.9"},
        met=met,
        reproduced=None,
    )


@contextmanager
def _peer(world: World, processes: int) -> Iterator[str]:
    environment = {
        **os.environ,
        "PEER_HOME": str(world.home),
        "PYTHONPATH": str(Path(__file__).parent),
        "OMP_NUM_THREADS": "1",
    }
    words = [sys.executable, "-m", "uvicorn", "--factory", "serving.peer:make", "--port", str(THEIRS)]
    words += ["--workers", str(processes), "--log-level", "warning", "--no-access-log", "--loop", "uvloop"]
    process = subprocess.Popen([*words, "--http", "httptools"], env=environment)
    url = f"http://127.0.0.1:{THEIRS}"
    try:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            try:
                requests.get(f"{url}/openapi.json", timeout=2)
                break
            except requests.ConnectionError:
                time.sleep(0.3)
        yield url
    finally:
        process.terminate()
        process.wait(20)


if __name__ == "__main__":
    main()
