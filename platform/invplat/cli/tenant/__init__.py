"""`invplat tenant …`: each command imported on use."""

from __future__ import annotations

import click

from invplat.cli.lazy import LazyGroup
from invplat.cli.output import common

COMMANDS = {
    "add": ("invplat.cli.tenant.add:command", "Register a business, and ingest its files."),
    "list": ("invplat.cli.tenant.list:command", "List the businesses."),
    "show": ("invplat.cli.tenant.show:command", "Show what is known of a business: data, models, keys, jobs."),
    "key": ("invplat.cli.tenant.key:group", "Keys by which programs are let in."),
    "export": ("invplat.cli.tenant.export:command", "Write everything that is kept of a business into a folder."),
    "remove": ("invplat.cli.tenant.remove:command", "Remove a business, for good."),
}


class TenantGroup(LazyGroup):
    found = COMMANDS


@click.group(cls=TenantGroup)
@common
def group() -> None:
    """Businesses, each behind a wall of its own: its data, its models, the keys of its programs.

    \b
    Example:
      invplat tenant add corner-shop --data exports/ --mapping generic
    """
