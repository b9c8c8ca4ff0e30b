"""`invplat data ingest`."""

from __future__ import annotations

from typing import Any

import click

from invplat.cli.data import reading
from invplat.cli.output import Output, common, pass_output


@click.command("ingest")
@reading.options
@common
@pass_output
def command(output: Output, paths: tuple[str, ...], tenant: str, mapping_name: str, workers: int, today: Any) -> None:
    """Make a dataset of a business's files: clean, versioned, one folder a store.

    PATH is a file (CSV, also packed, or Parquet), a folder, a pattern, an s3:// address, or a database such as
    postgresql://host/db::table. Write sales=PATH where the name does not tell the table. Every row read is kept,
    merged or quarantined with its reason; nothing is lost. The same files again change nothing.

    \b
    Example:
      invplat data ingest --tenant corner-shop --mapping generic exports/
    """
    from invplat.data.ingest import ingest

    outcome = reading.read(output, ingest, tenant, paths, (mapping_name, workers, today))
    reading.register(output, outcome)
    reading.show(output, outcome)
