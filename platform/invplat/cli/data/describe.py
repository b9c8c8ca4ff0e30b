"""`invplat data describe`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from invplat.cli.output import Output, common, pass_output


@click.command("describe")
@click.option("--tenant", required=True, metavar="NAME", help="Whose dataset.")
@click.option("--version", type=click.IntRange(min=1), metavar="N", help="Which version [the newest].")
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the page with pictures here."
)
@common
@pass_output
def command(output: Output, tenant: str, version: int | None, html: Path | None) -> None:
    """Show what a dataset holds: coverage, demand, stockouts, lead times, and what was wrong with the files.

    \b
    Example:
      invplat data describe --tenant corner-shop --html corner-shop.html
    """
    from invplat.data.dataset import Dataset
    from invplat.data.describe.figures import describe
    from invplat.storage import open_storage

    dataset = Dataset.open(open_storage(output.settings.storage_url), tenant, version)
    with output.progress(len(dataset.stores), "looking at stores") as step:
        description = describe(dataset, lambda done, total: step.at(done, total))
    if html is not None:
        from invplat.data.describe.page import write_page

        write_page(description, html)
        output.note(f"the page is {html}")

    def draw() -> None:
        from invplat.data.describe.terminal import render_terminal

        click.echo(
            render_terminal(description, shutil.get_terminal_size((100, 24)).columns, colour=sys.stdout.isatty())
        )

    output.result(description.to_dict(), table=draw)
