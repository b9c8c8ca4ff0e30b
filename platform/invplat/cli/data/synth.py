"""`invplat data synth`."""

from __future__ import annotations

from pathlib import Path

import click

from invplat.cli.output import Output, common, pass_output


@click.command("synth")
@click.option("--tenants", type=click.IntRange(min=1), default=3, show_default=True, help="Businesses.")
@click.option("--stores", type=click.IntRange(min=1), default=4, show_default=True, help="Stores a business.")
@click.option("--skus", type=click.IntRange(min=1), default=40, show_default=True, help="SKUs a business.")
@click.option("--days", type=click.IntRange(min=1), default=730, show_default=True, help="Days of history.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=1, show_default=True, help="The same seed makes the same world."
)
@click.option("--dirt", is_flag=True, help="Plant faults in the files, with a list of them.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("world"),
    show_default=True,
    metavar="FOLDER",
    help="Where to write.",
)
@common
@pass_output
def command(output: Output, tenants: int, stores: int, skus: int, days: int, seed: int, dirt: bool, out: Path) -> None:
    """Make up businesses to try things on: a folder of CSV files each, and apart from them the truth.

    They differ in scale, assortment, seasons, promotions and suppliers, and share laws that a model can learn from
    some of them for the others. Sales are what the shelves allowed; the true demand is in _truth.

    \b
    Example:
      invplat data synth --tenants 3 --dirt --out world
    """
    from invplat.data.synth.world import make_world

    with output.progress(tenants, "making businesses") as step:
        world = make_world(
            out,
            tenants=tenants,
            stores=stores,
            skus=skus,
            days=days,
            seed=seed,
            dirt=dirt,
            progress=lambda done, total: step.at(done, total),
        )

    def draw() -> None:
        rows = [
            (name, sum(made["rows"].values()), made["rows"]["sales"], sum(made["planted"].values()))
            for name, made in world["tenants"].items()
        ]
        output.table(rows[:20], ("business", "rows", "sales", "faults planted"))
        if len(rows) > 20:
            click.echo(f"… and {len(rows) - 20:,} more")
        first = rows[0][0]
        click.echo(
            f"{len(rows):,} businesses in {out}, {world['start']} to {world['end']}; "
            f"next: invplat data ingest --tenant {first} {out / first}"
        )

    output.result({"out": str(out), **world}, table=draw)
