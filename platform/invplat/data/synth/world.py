"""A synthetic world: businesses that share a nation and its laws of demand, written as the files they would send.

What was true and what was planted lies apart, under `_truth`, for judging. Same arguments, same bytes.
"""

from __future__ import annotations

import errno
import json
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from invplat.core.errors import SettingRefused, StorageError, StorageFull
from invplat.data.synth.business import Business, make_business
from invplat.data.synth.demand import draw, expected, make_series
from invplat.data.synth.dirt import Fault, plant
from invplat.data.synth.files import TenantFiles
from invplat.data.synth.nation import Nation, make_nation
from invplat.data.synth.stockroom import run

BLOCK = 1000  # series simulated together: what bounds memory
TRUTH = "_truth"
LONGEST = 36_500  # days
MANY = 1_000_000
LIMITS = {"tenants": (1, MANY), "stores": (1, MANY), "skus": (1, MANY), "days": (14, LONGEST), "seed": (0, 2**63)}


def make_world(
    out: Path,
    *,
    tenants: int,
    stores: int,
    skus: int,
    days: int,
    seed: int,
    dirt: bool = False,
    end: date = date(2025, 12, 31),
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Write the world to `out`, whole or not at all, and return what world.json says about each tenant."""
    sizes = {"tenants": tenants, "stores": stores, "skus": skus, "days": days, "seed": seed}
    _check(sizes, end)
    out = out.absolute()
    _check_place(out)
    arguments = {**sizes, "dirt": dirt, "end": end.isoformat()}
    building = out.with_name(f".{out.name}.building")
    try:
        shutil.rmtree(building, ignore_errors=True)  # what a killed run left behind
        building.mkdir(parents=True)
        world = _build(building, arguments, end, progress)
        (building / "world.json").write_text(_json(world), encoding="utf-8")
        if out.exists():
            shutil.rmtree(out)  # checked above: empty, or a world and nothing else
        building.rename(out)
    except OSError as error:
        kind = StorageFull if error.errno == errno.ENOSPC else StorageError
        hint = "free space or choose another folder"
        raise kind(f"could not write the world to {out}: {error}", hint=hint) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return world


def _build(
    building: Path, arguments: dict[str, Any], end: date, progress: Callable[[int, int], None] | None
) -> dict[str, Any]:
    seed, stores, skus, count = (arguments[name] for name in ("seed", "stores", "skus", "tenants"))
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
    nation = make_nation(rng, days=arguments["days"], end=end)
    per_block = max(1, BLOCK // skus)
    blocks = [range(first, min(first + per_block, stores)) for first in range(0, stores, per_block)]
    summary = {}
    for number in range(count):
        business = make_business(nation, number=number, stores=stores, skus=skus, seed=seed)
        folder, truth = building / business.name, building / TRUTH / business.name
        with TenantFiles(folder, truth) as files:
            files.write_business(business, nation)
            for i, block in enumerate(blocks):
                _live(business, nation, block, files, np.random.SeedSequence(seed, spawn_key=(1, number, i)))
                if progress is not None:
                    progress(number * len(blocks) + i + 1, count * len(blocks))
        faults: list[Fault] = []
        rows = files.rows
        if arguments["dirt"]:
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(3, number)))
            faults, rows = plant(folder, rng, end)
        planted = Counter(fault.rule for fault in faults)
        (truth / "planted.json").write_text(_json([fault.entry() for fault in faults]), encoding="utf-8")
        (truth / "insights.json").write_text(_json(list(business.insights)), encoding="utf-8")
        (truth / "suppliers.json").write_text(_json([s.truth() for s in business.suppliers]), encoding="utf-8")
        counts = {"rows": dict(sorted(rows.items())), "planted": dict(sorted(planted.items()))}
        summary[business.name] = {**counts, **business.traits()}
    return {"arguments": arguments, "start": nation.start.isoformat(), "end": end.isoformat(), "tenants": summary}


def _live(business: Business, nation: Nation, block: range, files: TenantFiles, seed: np.random.SeedSequence) -> None:
    rng = np.random.default_rng(seed)
    series = make_series(business, block)
    mean = expected(business, nation, series, rng)
    demand = draw(business, series, mean, rng)
    files.write_block(business, nation, series, demand, run(business, series, mean, demand, rng))


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def _check(sizes: dict[str, int], end: date) -> None:
    for name, value in sizes.items():
        least, most = LIMITS[name]
        if not least <= value <= most:
            raise SettingRefused(
                f"--{name} {value} makes no world", hint=f"write --{name} with a number from {least} to {most}"
            )
    if end.year < 1970 or end.year > 2200 or end.toordinal() - sizes["days"] < date(1900, 1, 1).toordinal():
        raise SettingRefused(
            f"a world of {sizes['days']} days ending on {end} leaves the years 1900 to 2200",
            hint="write fewer --days or an end between 1970 and 2200",
        )


def _check_place(out: Path) -> None:
    """Only an absent or empty folder, or an older world with nothing else in it, is written over."""
    if not out.exists():
        return
    hint = "choose a folder that doesn't exist yet"
    if not out.is_dir():
        raise SettingRefused(f"--out {out} is a file", hint=hint)
    inside = {p.name for p in out.iterdir()}
    if not inside:
        return
    try:
        known = set(json.loads((out / "world.json").read_text(encoding="utf-8"))["tenants"])
    except (OSError, ValueError, KeyError, TypeError):
        known = set()
    if strange := sorted(inside - known - {"world.json", TRUTH}) or sorted(inside if not known else ()):
        raise SettingRefused(f"--out {out} holds more than a synthetic world: {strange[0]!r}", hint=hint)
