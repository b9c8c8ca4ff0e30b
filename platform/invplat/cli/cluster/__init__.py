"""`invplat cluster …`: each command imported on use."""

from __future__ import annotations

import click

from invplat.cli.lazy import LazyGroup
from invplat.cli.output import common

COMMANDS = {
    "up": ("invplat.cli.cluster.up:command", "Start a Ray of several nodes on this machine."),
    "status": ("invplat.cli.cluster.status:command", "Show who lives, what is in use, and what is served."),
    "down": ("invplat.cli.cluster.down:command", "End it, and leave nothing behind."),
    "kill": ("invplat.cli.cluster.kill:command", "Lose a node, to see what happens then."),
    "cut": ("invplat.cli.cluster.cut:command", "Cut a node off from the others, and bring it back."),
    "heal": ("invplat.cli.cluster.heal:command", "Start the nodes again that are dead."),
}


class ClusterGroup(LazyGroup):
    found = COMMANDS


@click.group(cls=ClusterGroup)
@common
def group() -> None:
    """A real Ray cluster on this machine alone, to try what runs on many: guarded by a token, each node a process tree
    that can be lost.

    \b
    Example:
      invplat cluster up --nodes 3
    """
