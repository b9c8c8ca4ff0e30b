"""`invplat data …`: each command imported on use."""

from __future__ import annotations

from importlib import import_module

import click

from invplat.cli.output import common

COMMANDS = {
    "ingest": "Make a dataset of a business's files.",
    "append": "Add newer files to a dataset.",
    "describe": "Show what a dataset holds, as text and as a page.",
    "quarantine": "List the rows that could not be used, and why.",
    "versions": "List the versions of a tenant's dataset.",
    "suggest": "Look at files and propose a mapping.",
    "mappings": "List the built-in mappings, or print one.",
    "synth": "Make up businesses to try things on.",
}


class DataGroup(click.Group):
    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"invplat.cli.data.{name}").command
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.NoSuchCommand(args[0], possibilities=COMMANDS, ctx=context)
        return super().resolve_command(context, args)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=DataGroup)
@common
def group() -> None:
    """From a business's files to a clean, versioned dataset.

    \b
    Example:
      invplat data ingest --tenant corner-shop --mapping generic sales.csv products.csv
    """
