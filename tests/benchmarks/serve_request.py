"""serve_request: where the time of one request goes, from a connection to the net and back.

The parts inside a replica are timed one by one in this process, for one request alone and for 64 that arrive together;
the whole is asked over HTTP by wrk with one connection, beside /healthz, which is the way there and back and nothing
else.

    make bench NAME=serve_request
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from forecasting.common import last_line
from serving.load import ask, needs_wrk
from serving.world import World, built

from invplat.registry import keys
from invplat.serve import telling
from invplat.serve.auth import Doors
from invplat.serve.deployment import Options, deploy
from invplat.serve.schemas import ForecastsAsked
from invplat.serve.series import chosen_rows
from invplat.serve.service import Options as Inside
from invplat.serve.service import Service
from invplat.serve.summed import said_of

PORT, TIMES, TOGETHER = 8174, 2_000, 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tenants", type=int, default=1_000, help="of the world; the same as serve_single's")
    parser.add_argument("--home", type=Path, default=Path("/tmp/invplat-serving"), help="where the world is made")
    given = parser.parse_args()
    needs_wrk()
    world = built(given.home, given.tenants)
    parts = asyncio.run(_parts(world))
    with deploy(world.settings, Options(port=PORT, rate=0.0)) as ours:
        whole = ask(ours.url, world.names[:1], world.keys[:1], world.series, connections=1, seconds=6).p50 * 1e3
        way = _way(f"{ours.url}/healthz") * 1e3
    inside = sum(alone for alone, _ in parts.values())
    print(f"\n{'microseconds of a request':42}{'alone':>10}{'one of 64':>12}")
    for name, (alone, together) in parts.items():
        print(f"{name:42}{alone:10.1f}{together:12.1f}")
    print(f"{'the way: wrk, HAProxy, server, Serve':42}{way:10.1f}")
    print(f"{'the rest: routing, headers, event loop':42}{max(whole - way - inside, 0):10.1f}")
    print(f"{'whole, over HTTP with one connection':42}{whole:10.1f}")
    ours_said = {name: {"alone": alone, "of_64": together} for name, (alone, together) in parts.items()}
    last_line(
        "serve_request",
        ours={"microseconds": {**ours_said, "way": way, "whole": whole}},
        peers=None,
        target=None,
        met=True,
        reproduced=None,
    )


async def _parts(world: World) -> dict[str, tuple[float, float]]:
    service = Service(world.settings, Inside(journal=False, every=3_600.0)).start()
    doors = Doors(service.database, every=0)
    names, secrets = world.names[:TOGETHER], world.keys[:TOGETHER]
    volumes = [await service.volume(name) for name in names]
    store, sku = world.series[0]
    body = json.dumps({"series": [{"store": store, "sku": sku}]}).encode()
    headers = {"authorization": f"Bearer {secrets[0]}"}
    asked = ForecastsAsked.model_validate_json(body)
    first = volumes[0]
    row = chosen_rows(first.book, asked)
    said = await service.said(first, row, asked)
    prediction = first.served.stack.answer([first.book.asked(first.served.row, row)])[0]
    answer = telling.forecasts(names[0], said, first.book.frequency, None)
    many = [volume.book.asked(volume.served.row, row) for volume in volumes]
    stack = first.served.stack
    small: dict[str, Callable[[], Any]] = {
        "the key": lambda: doors.let_in(headers, names[0], keys.READ),
        "what is asked (JSON, checked)": lambda: ForecastsAsked.model_validate_json(body),
        "which series": lambda: chosen_rows(first.book, asked),
        "the answer's numbers": lambda: said_of(first.served, first.book, row, prediction, None, None),
        "the answer's bytes (JSON)": lambda: telling.json(answer),
    }
    found = {name: (taken, taken) for name, work in small.items() for taken in [_micro(work)]}
    alone = _micro(lambda: stack.answer([first.book.asked(first.served.row, row)]))
    together = _micro(lambda: stack.answer(many), TIMES // 10) / TOGETHER
    found["the net"] = (alone, together)
    doors.close()
    service.close()
    return found


def _micro(work: Callable[[], Any], times: int = TIMES) -> float:
    """Median microseconds of five rounds."""
    rounds = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(times // 5):
            work()
        rounds.append((time.perf_counter() - began) / (times // 5) * 1e6)
    return statistics.median(rounds)


def _way(url: str) -> float:
    """Median milliseconds of a request that asks for nothing."""
    words = ["wrk", "-t1", "-c1", "-d4s", "--latency", url]
    told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    text = next(line.split()[1] for line in told.splitlines() if line.strip().startswith("50%"))
    return float(text[:-2]) / 1e3 if text.endswith("us") else float(text[:-2])


if __name__ == "__main__":
    main()
