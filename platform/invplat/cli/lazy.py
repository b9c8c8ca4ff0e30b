"""A group whose commands are named by string and imported on use: the cost of a command is paid by who types it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

import click


class LazyGroup(click.Group):
    """A subclass says its commands: name → ("module:attribute", the line in the group's help)."""

    found: Mapping[str, tuple[str, str]] = {}

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self.found)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.found:
            return None
        module, attribute = self.found[name][0].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.found and not args[0].startswith("-"):
            raise click.NoSuchCommand(args[0], possibilities=self.found, ctx=context)
        return super().resolve_command(context, args)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.found.items()])
