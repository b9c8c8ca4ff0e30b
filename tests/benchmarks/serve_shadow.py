"""serve_shadow: what a challenger costs those who ask: p50 and p99 of a question without one, and beside one.

In one process, with 1 and with 16 who ask at a time; rounds of each kind take turns. "beside": the series were asked
before, as nearly all are, since a forecast changes with the model or the data alone. "all new": no series was ever
asked before, which lasts for as long as it takes to ask for each once, as after every night's data.

    make bench NAME=serve_shadow
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from contextlib import closing
from pathlib import Path

from forecasting.common import last_line
from serving.world import ACTOR, World, built

from invplat.registry import aliases, versions
from invplat.registry.database import Database
from invplat.serve.schemas import ForecastsAsked, Series
from invplat.serve.service import Options, Service
from invplat.serve.shadow import DROPPED, FAILED, KEPT, Shadow

KINDS = ("without", "beside", "all new")
ROUNDS, SECONDS, TENANTS = 5, 1.0, 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, default=Path("/tmp/invplat-shadow"), help="where the world is made")
    given = parser.parse_args()
    world = built(given.home, TENANTS)
    with closing(Database(world.settings.database_url)) as database:
        base = versions.of_tenant(database, None)[-1]
        for name in world.names:
            aliases.challenge(database, name, "mlp", base.id, actor=ACTOR)
    found, counts = asyncio.run(_measured(world))
    print(f"\n{'milliseconds of a question':30}{'p50':>10}{'p99':>10}{'a second':>12}")
    for (askers, kind), (p50, p99, rate) in sorted(found.items(), key=lambda one: (one[0][0], KINDS.index(one[0][1]))):
        print(f"{f'{askers} at a time, {kind}':30}{p50:10.3f}{p99:10.3f}{rate:12,.0f}")
    print(f"series that challengers were asked for: {counts}")
    last_line(
        "serve_shadow",
        ours={
            f"{askers} {kind}": dict(zip(("p50", "p99", "rate"), each, strict=True))
            for (askers, kind), each in found.items()
        },
        peers=None,
        target=None,
        met=counts[FAILED] == 0 and counts[KEPT] > 0,
        reproduced=None,
    )


async def _measured(world: World) -> tuple[dict[tuple[int, str], tuple[float, float, float]], dict[str, int]]:
    service = Service(world.settings, Options(every=3_600.0)).start()
    shadow = service.shadow
    assert shadow is not None
    await asyncio.to_thread(shadow.work)
    questions = [
        (name, ForecastsAsked(series=[Series(store=store, sku=sku)]))
        for store, sku in world.series
        for name in world.names
    ]
    for name in world.names:
        await service.forecasts(name, ForecastsAsked())
    await asyncio.to_thread(_finish, shadow)
    taken: dict[tuple[int, str], list[tuple[float, float, float]]] = {}
    for number in range(ROUNDS):
        for askers in (1, 16):
            for kind in (*KINDS[number % 3 :], *KINDS[: number % 3]):
                found = await _round(service, shadow, questions, askers, kind)
                taken.setdefault((askers, kind), []).append(found)
                await asyncio.to_thread(_finish, shadow)  # nothing is left for the next round
    counts = {outcome: shadow.counts[outcome] for outcome in (KEPT, DROPPED, FAILED)}
    await asyncio.to_thread(service.close)
    medians = {
        which: tuple(statistics.median(each) for each in zip(*rounds, strict=True)) for which, rounds in taken.items()
    }
    return medians, counts  # type: ignore[return-value]


def _finish(shadow: Shadow) -> None:
    """All that waits, without the rests that somebody who asks would want."""
    while (found := shadow._next()) is not None:
        shadow._ask(found)


async def _round(
    service: Service, shadow: Shadow, questions: list[tuple[str, ForecastsAsked]], askers: int, kind: str
) -> tuple[float, float, float]:
    service.shadow = None if kind == "without" else shadow
    if kind == "beside":
        for name in dict.fromkeys(name for name, _ in questions):
            shadow.offer(await service.volume(name), None)
        await asyncio.to_thread(_finish, shadow)
    times: list[float] = []
    until = time.perf_counter() + SECONDS
    asked = 0

    async def ask() -> None:
        nonlocal asked
        while time.perf_counter() < until:
            name, question = questions[asked % len(questions)]
            asked += 1
            if kind == "all new" and asked % len(questions) == 0:
                shadow._trials.clear()
            began = time.perf_counter()
            await service.forecasts(name, question)
            times.append(time.perf_counter() - began)

    await asyncio.gather(*(ask() for _ in range(askers)))
    service.shadow = shadow
    times.sort()
    return times[len(times) // 2] * 1e3, times[int(len(times) * 0.99)] * 1e3, len(times) / SECONDS


if __name__ == "__main__":
    main()
