"""What one business costs, measured in a process of its own over a world of some businesses.

Serving: a replica as it is, without HTTP. Adapting: the very command. Stored: bytes on disk. Knows no law by which
these grow.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from serving.world import BIG, SMALL, World

from invplat.registry import aliases, overview, versions
from invplat.registry.database import Database
from invplat.serve.schemas import ForecastsAsked, Series
from invplat.serve.service import Options, Service

TOGETHER, TIMES = 64, 60
ADAPT = ("--way", "head", "--epochs", "3")


def serving(world: World) -> dict[str, float]:
    """Seconds and megabytes of a replica that holds everybody, and microseconds of a question."""

    def start() -> Service:
        return Service(world.settings, Options(journal=False, every=3_600.0)).start()

    before = resident()
    service = start()
    made = timed(lambda: asyncio.run(books(service, world)))
    gc.collect()
    held = resident()
    seen = statistics.median(timed(service.refresh) for _ in range(9))
    asked = asyncio.run(questions(service, world))
    with closing(Database(world.settings.database_url)) as database:
        one = statistics.median(timed(lambda: aliases.current(database, world.names[-1], "mlp")) for _ in range(200))
        listed = statistics.median(timed(lambda: overview.counts(database)) for _ in range(9))
    small = service.books.bytes / len(world.names)
    asyncio.run(service.volume(BIG))
    large = service.books.bytes - small * len(world.names)
    row = service.served(world.names[0]).stack.row_bytes
    service.close()  # and again, for time alone: what a process holds that has loaded many times is no replica's
    return {
        "load_s": shortest(start),
        "books_s": made,
        "look_ms": 1e3 * seen,
        "champion_ms": 1e3 * one,
        "overview_ms": 1e3 * listed,
        "question_us": asked,
        "process_mb": held / 1e6,
        "before_mb": before / 1e6,
        "book_kb": small / 1e3,
        "weights_kb": row / 1e3,
        "large_book_kb": large / 1e3,
    }


def adapting(world: World, count: int) -> dict[str, float]:
    """`finetune submit` of the first so many, as it is typed, in one process."""
    line = ["finetune", "submit", *world.names[:count], *ADAPT, "--in-process", "--wait", "--anew", "--json"]
    return typed(world, *line)


def ingesting(world: World) -> dict[str, float]:
    """`data ingest` of a small business, as it is typed: mostly a Python that starts."""
    files = world.home / "files" / SMALL / BIG
    return typed(world, "data", "ingest", "--tenant", "shop-new", str(files))


def typed(world: World, *words: str) -> dict[str, float]:
    """Seconds by the clock, and seconds that a core worked, whatever else the machine did."""
    line = [sys.executable, "-m", "invplat", "--home", str(world.home), "--quiet", *words]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    ended = subprocess.run(
        line, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    took = time.perf_counter() - began
    if ended.returncode:
        raise SystemExit(f"invplat {' '.join(words[:2])} failed: {ended.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"seconds": took, "core_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def stored(world: World) -> dict[str, float]:
    """Of one small business: its dataset, its model, its book; the database with everybody's rows."""
    home = world.home / "storage" / "tenants" / world.names[0]
    kinds = {name: size(home / name) for name in ("datasets", "models", "books")}
    with closing(Database(world.settings.database_url)) as database:
        kept = len(versions.of_tenant(database, world.names[0]))
    return {
        "dataset_kb": kinds["datasets"] / 1e3,
        "model_kb": kinds["models"] / 1e3 / max(kept, 1),
        "book_kb": kinds["books"] / 1e3,
        "database_kb": database_kb(world),
    }


def database_kb(world: World) -> float:
    """Without the room that rows of before have left."""
    with closing(sqlite3.connect(world.home / "invplat.db")) as database:
        database.execute("VACUUM")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return (world.home / "invplat.db").stat().st_size / 1e3


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


async def books(service: Service, world: World) -> None:
    for name in world.names:
        await service.volume(name)


async def questions(service: Service, world: World) -> float:
    """Of one among 64 that arrive together, each of another business at random; the quietest round."""
    store, sku = world.series[0]
    asked = ForecastsAsked(series=[Series(store=store, sku=sku)])
    draw = np.random.default_rng(1)
    rounds = []
    for _ in range(TIMES):
        who = [world.names[place] for place in draw.integers(0, len(world.names), TOGETHER)]
        began = time.perf_counter()
        await asyncio.gather(*(service.forecasts(name, asked) for name in who))
        rounds.append(time.perf_counter() - began)
    return 1e6 * min(rounds) / TOGETHER


def shortest(work: Callable[[], Any]) -> float:
    """Of as many as three seconds have, three at least: a few milliseconds are told from noise only so."""
    took: list[float] = []
    while len(took) < 3 or sum(took) < 3.0:
        began = time.perf_counter()
        made = work()
        took.append(time.perf_counter() - began)
        made.close()
    return min(took)


def timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def apart(world: World) -> dict[str, float]:
    """What serving costs, in a process that has done nothing before."""
    program = Path(__file__).parents[1] / "scale.py"
    line = [sys.executable, str(program), "--serving", str(len(world.names)), "--home", str(world.home.parent)]
    ended = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return found
