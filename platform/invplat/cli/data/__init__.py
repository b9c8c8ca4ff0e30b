"""`invplat data …`: each command imported on use."""

from __future__ import annotations

import click

from invplat.cli.lazy import LazyGroup
from invplat.cli.output import common

COMMANDS = {
    "ingest": ("invplat.cli.data.ingest:command", "Make a dataset of a business's files."),
    "append": ("invplat.cli.data.append:command", "Add newer files to a dataset."),
    "describe": ("invplat.cli.data.describe:command", "Show what a dataset holds, as text and as a page."),
    "quarantine": ("invplat.cli.data.quarantine:command", "List the rows that could not be used, and why."),
    "versions": ("invplat.cli.data.versions:command", "List the versions of a tenant's dataset."),
    "suggest": ("invplat.cli.data.suggest:command", "Look at files and propose a mapping."),
    "mappings": ("invplat.cli.data.mappings:command", "List the built-in mappings, or print one."),
    "synth": ("invplat.cli.data.synth:command", "Make up businesses to try things on."),
}


class DataGroup(LazyGroup):
    found = COMMANDS


@click.group(cls=DataGroup)
@common
def group() -> None:
    """From a business's files to a clean, versioned dataset.

    \b
    Example:
      invplat data ingest --tenant corner-shop --mapping generic sales.csv products.csv
    """
