"""`invplat data append`."""

from __future__ import annotations

from typing import Any

import click

from invplat.cli.data import reading
from invplat.cli.output import Output, common, pass_output


@click.command("append")
@reading.options
@common
@pass_output
def command(output: Output, paths: tuple[str, ...], tenant: str, mapping_name: str, workers: int, today: Any) -> None:
    """Add newer files to a tenant's dataset, as a new version.

    Only the stores in the new files are written again. Where a new row speaks of a store, SKU and day that the dataset
    has, the new row counts. Files that were read before are left out.

    \b
    Example:
      invplat data append --tenant corner-shop --mapping generic exports/sales-march.csv
    """
    from invplat.data.ingest import append

    outcome = reading.read(output, append, tenant, paths, (mapping_name, workers, today))
    reading.register(output, outcome)
    reading.show(output, outcome)
