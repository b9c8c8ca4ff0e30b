"""scale: what a business costs at one and at ten, what that says of a thousand, and what a thousand cost when measured.

One made-up world each of 1, 10 and 1,000 small businesses with heads of their own, made anew: serving them in a process
that did nothing before, asking, looking at the registry, and `finetune submit` for all of them, on one core. Then the
same law is carried to 100,000 businesses and 10,000 questions a second: machines, memory, money, the first wall.

    make bench NAME=scale
    make bench NAME=scale ARGS="--tenants 200"
    make bench NAME=scale ARGS="--series 200"        # of a business, in what is carried further
"""

from __future__ import annotations

import argparse
import json
import shutil
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import torch
from forecasting.common import last_line
from scaling import law, units
from serving.world import ACTOR, World, built

from invplat.registry import tenants
from invplat.registry.database import Database
from invplat.storage import open_storage

FEW, MORE = 1, 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tenants", type=int, default=1_000, help="what is predicted, and then measured")
    parser.add_argument("--series", type=int, default=16, help="of each of 100,000 businesses; 16 is what was measured")
    parser.add_argument("--home", type=Path, default=Path("/tmp/invplat-scale"), help="where the worlds are made")
    parser.add_argument("--serving", type=int, help=argparse.SUPPRESS)  # for the processes of this program
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.serving:
        print(json.dumps(units.serving(built(given.home / str(given.serving), given.serving))))
        return
    shutil.rmtree(given.home, ignore_errors=True)
    ten = built(given.home / str(MORE), MORE)
    one = some(ten, given.home / str(FEW), FEW)
    few, more = measured(one), measured(ten)
    said = law.predicted(few, more, (FEW, MORE), given.tenants)
    whole = measured(built(given.home / str(given.tenants), given.tenants))
    shown(few, more, said, whole, given.tenants)
    each = law.Line.through((MORE, more["adapt_core_s"]), (given.tenants, whole["adapt_core_s"]))
    known = {**whole, **slopes(more, whole, given.tenants), "before_mb": more["before_mb"]}
    assumed = replace(law.Assumed(), series=given.series)
    carried = law.plan(known, each, assumed)
    print(f"\n{assumed.tenants:,} businesses of {assumed.series} series, {assumed.rate:,.0f} questions a second")
    for name, value in carried.items():
        print(f"{name:28}{value:12,.2f}")
    last_line(
        "scale",
        ours={"one": few, "ten": more, "predicted": said, "measured": whole, "carried": carried},
        peers=None,
        target={"assumed": asdict(assumed)},
        met=True,
        reproduced=None,
    )


def measured(world: World) -> dict[str, float]:
    for name in world.names:
        shutil.rmtree(world.home / "storage" / "tenants" / name / "books", ignore_errors=True)
    made = units.apart(world)["books_s"]
    found = {**units.apart(world), **units.stored(world), "made_s": made, "series": float(len(world.series))}
    found["ingest_core_s"] = units.ingesting(world)["core_s"]
    print(f"{len(world.names):,}: served, asked and weighed; now fine-tuned", flush=True)
    adapted = units.adapting(world, len(world.names))
    return {**found, "adapt_core_s": adapted["core_s"], "adapt_s": adapted["seconds"]}


def some(world: World, home: Path, count: int) -> World:
    """The same with fewer businesses."""
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(world.home, home)
    told = json.loads((home / "world.json").read_text())
    storage = open_storage(f"{home}/storage")
    with closing(Database(f"sqlite:///{home}/invplat.db")) as database:
        for name in told["names"][count:]:
            tenants.remove(database, storage, name, actor=ACTOR)
    told |= {"count": count, "names": told["names"][:count], "keys": told["keys"][:count]}
    (home / "world.json").write_text(json.dumps(told))
    return built(home, count)


def slopes(few: law.Units, many: law.Units, count: int) -> dict[str, float]:
    """What one more costs, from the widest stretch that was measured."""
    found = {}
    for name, unit in (("load", "s"), ("books", "s"), ("look", "ms"), ("database", "kb")):
        line = law.Line.through((MORE, few[f"{name}_{unit}"]), (count, many[f"{name}_{unit}"]))
        found[f"{name}_each_{unit}"] = line.each
    grown = 1e3 * (many["process_mb"] - few["process_mb"]) / (count - MORE)
    return {**found, "over": max(grown / (many["book_kb"] + many["weights_kb"]), 1.0)}


def shown(few: law.Units, more: law.Units, said: law.Units, whole: law.Units, count: int) -> None:
    print(f"\n{'':44}{FEW:>10,}{MORE:>10,}{f'{count:,} said':>14}{'measured':>12}{'ratio':>8}")
    for name, about in law.ABOUT.items():
        row = (few[name], more[name], said[name], whole[name])
        ratio = whole[name] / said[name] if said[name] else float("nan")
        print(f"{about:44}{row[0]:10,.2f}{row[1]:10,.2f}{row[2]:14,.2f}{row[3]:12,.2f}{ratio:8.2f}")
    print(f"{'a small dataset, the command, core s':44}{few['ingest_core_s']:10,.2f}{more['ingest_core_s']:10,.2f}")
    print(f"{'a book of 1,764 series, MB':44}{'':10}{more['large_book_kb'] / 1e3:10,.2f}")


if __name__ == "__main__":
    main()
