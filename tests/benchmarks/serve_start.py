"""serve_start: how long a replica takes to hold many businesses, what each costs, and 500 promotions while it answers.

In one process, without HTTP: a service is started over a world of N businesses with heads of their own, every book is
made, then read again by a second service; then 500 champions change while 64 questions at a time go on. Every answer
under way is held against the weights that it names.

    make bench NAME=serve_start
    make bench NAME=serve_start ARGS="--tenants 100"
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from forecasting.common import last_line
from serving.world import ACTOR, World, built

from invplat.registry import aliases
from invplat.serve.schemas import ForecastsAsked, Series
from invplat.serve.service import Options, Service

SWAPPED = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tenants", type=int, default=1_000)
    parser.add_argument("--home", type=Path, default=Path("/tmp/invplat-serving"), help="where the world is made")
    given = parser.parse_args()
    world = built(given.home, given.tenants)
    for name in world.names:
        shutil.rmtree(given.home / "storage" / "tenants" / name / "books", ignore_errors=True)
    first, service = _started(world)
    made = _timed(lambda: asyncio.run(_books(service, world)))
    service.close()
    again, service = _started(world)
    read = _timed(lambda: asyncio.run(_books(service, world)))
    count, stack = len(world.names), service.served(world.names[0]).stack
    each = service.books.bytes / count + stack.row_bytes
    print(f"{count:,} businesses of {len(world.series)} series")
    print(f"champions loaded      {min(first, again):8.2f} s")
    print(f"books made            {made:8.2f} s   {1e3 * made / count:6.1f} ms each")
    print(f"books read            {read:8.2f} s   {1e3 * read / count:6.1f} ms each")
    print(f"memory of a business  {each / 1e3:8.1f} kB, of it {stack.row_bytes / 1e3:.1f} kB weights")
    swap = _swapped(service, world)
    service.close()
    print(f"{swap['swapped']} champions changed while asked: served after {swap['seconds']:.2f} s")
    print(f"64 questions at once: {swap['before_ms']:.1f} ms before, {swap['during_ms']:.1f} ms meanwhile (medians)")
    print(f"answers looked at: {swap['answers']:,}, with other numbers than their model's: {swap['wrong']}")
    figures = {"tenants": count, "load": min(first, again), "books_made": made, "books_read": read, "bytes_each": each}
    last_line(
        "serve_start",
        ours={**figures, **swap},
        peers=None,
        target={"wrong": 0},
        met=swap["wrong"] == 0,
        reproduced=None,
    )


def _started(world: World) -> tuple[float, Service]:
    began = time.perf_counter()
    service = Service(world.settings, Options(journal=False, every=3_600.0)).start()
    return time.perf_counter() - began, service


async def _books(service: Service, world: World) -> None:
    for name in world.names:
        await service.volume(name)


def _swapped(service: Service, world: World) -> dict[str, Any]:
    """The champions of some become the base, and later their own again."""
    some = world.names[: min(SWAPPED, len(world.names))]
    known = asyncio.run(_answers(service, world, some))
    own = {name: service.served(name).version.id for name in some}
    base = next(one.donor for one in (service.served(name).version for name in some))
    assert base is not None
    moves = [aliases.Move(name, "mlp", base, own[name], "benchmark") for name in some]
    aliases.promote_all(service.database, moves, actor=ACTOR)
    took: list[float] = []
    worker = threading.Thread(target=lambda: took.append(_timed(service.refresh)))
    before = asyncio.run(_asked(service, world, some, 30))
    worker.start()
    during, said = [], []
    while worker.is_alive():
        durations, answers = asyncio.run(_asked(service, world, some, 1))
        during += durations
        said += answers
    worker.join()
    after = asyncio.run(_answers(service, world, some))
    right = {False: known, True: after}
    wrong = sum(not np.allclose(each.mean, right[each.model["base"]][name].mean, rtol=1e-5) for name, each in said)
    moves = [aliases.Move(name, "mlp", own[name], base, "benchmark") for name in some]
    aliases.promote_all(service.database, moves, actor=ACTOR)
    return {
        "swapped": len(some),
        "seconds": took[0],
        "before_ms": 1e3 * statistics.median(before[0]),
        "during_ms": 1e3 * statistics.median(during),
        "answers": len(said),
        "wrong": wrong,
    }


async def _answers(service: Service, world: World, names: Any) -> dict[str, Any]:
    store, sku = world.series[0]
    asked = ForecastsAsked(series=[Series(store=store, sku=sku)])
    return {name: await service.forecasts(name, asked) for name in names}


async def _asked(service: Service, world: World, names: Any, times: int) -> tuple[list[float], list[Any]]:
    store, sku = world.series[0]
    asked = ForecastsAsked(series=[Series(store=store, sku=sku)])
    draw = np.random.default_rng(time.perf_counter_ns())
    durations, answers = [], []
    for _ in range(times):
        who = [names[place] for place in draw.integers(0, len(names), 64)]
        began = time.perf_counter()
        said = await asyncio.gather(*(service.forecasts(name, asked) for name in who))
        durations.append(time.perf_counter() - began)
        answers += list(zip(who, said, strict=True))
    return durations, answers


def _timed(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
