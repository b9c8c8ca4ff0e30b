"""`invplat insights`."""

from __future__ import annotations

import shutil
import sys
from datetime import datetime
from pathlib import Path

import click

from invplat.cli.output import Output, common, pass_output


@click.command("insights")
@click.option("--tenant", required=True, metavar="NAME", help="Whose dataset.")
@click.option("--version", type=click.IntRange(min=1), metavar="N", help="Which version [the newest].")
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="Nothing after this day is looked at [the dataset's last].",
)
@click.option("--only", multiple=True, metavar="NAME", help="Only this insight, such as dead or transfers; repeatable.")
@click.option("--rows", type=click.IntRange(min=0), metavar="N", help="Rows of each [3; with --json all].")
@click.option(
    "--csv",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write all rows here, a CSV file an insight.",
)
@click.option("--holding-rate", type=float, default=0.25, show_default=True, help="A year of holding, by cost.")
@click.option("--margin", type=float, default=0.3, show_default=True, help="Of the price, where price or cost lacks.")
@click.option("--transfer-cost", type=float, default=5.0, show_default=True, help="Money for each SKU moved.")
@click.option("--lead-days", type=float, default=7.0, show_default=True, help="Lead time where no receipt tells.")
@click.option("--review-days", type=float, default=7.0, show_default=True, help="Between two orders of a SKU.")
@click.option("--dead-days", type=int, default=90, show_default=True, help="In stock and unsold for so long is dead.")
@common
@pass_output
def command(
    output: Output,
    tenant: str,
    version: int | None,
    as_of: datetime | None,
    only: tuple[str, ...],
    rows: int | None,
    folder: Path | None,
    holding_rate: float,
    margin: float,
    transfer_cost: float,
    lead_days: float,
    review_days: float,
    dead_days: int,
) -> None:
    """What an owner would want to be told: dead stock, lost sales, goods in the wrong store, suppliers, capital.

    Each insight names its rows and its money; what to mend comes first, by money.

    \b
    Examples:
      invplat insights --tenant corner-shop
      invplat insights --tenant corner-shop --only transfers --transfer-cost 12 --csv insights
    """
    from invplat.core.files import write_whole
    from invplat.data.dataset import Dataset
    from invplat.evaluate.insights.assumptions import Assumptions
    from invplat.evaluate.insights.findings import insights
    from invplat.storage import open_storage

    assumptions = Assumptions(
        holding_rate=holding_rate,
        margin=margin,
        transfer_cost=transfer_cost,
        lead_days=lead_days,
        review_days=review_days,
        dead_days=dead_days,
    )
    dataset = Dataset.open(open_storage(output.settings.storage_url), tenant, version)
    day = None if as_of is None else as_of.date()
    with output.progress(len(dataset.stores), "looking at stores") as step:
        found = insights(
            dataset, day, assumptions=assumptions, only=only, progress=lambda done, total: step.at(done, total)
        )
    if folder is not None:
        for insight in found:
            if len(insight.rows.columns):
                write_whole(folder / f"{insight.name}.csv", insight.rows.write_csv().encode())
        output.note(f"every row is in {folder}")

    def draw() -> None:
        from invplat.evaluate.insights.terminal import render_terminal

        width = shutil.get_terminal_size((100, 24)).columns
        click.echo(render_terminal(found, tenant, width, colour=sys.stdout.isatty(), rows=3 if rows is None else rows))

    listed = [insight.to_dict(rows) for insight in found]
    as_known = found[0].as_of if found else None
    output.result({"tenant": tenant, "version": dataset.version, "as_of": as_known, "insights": listed}, table=draw)
