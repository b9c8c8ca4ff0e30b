"""`invplat jobs …`: each command imported on use."""

from __future__ import annotations

import click

from invplat.cli.lazy import LazyGroup
from invplat.cli.output import common

COMMANDS = {
    "list": ("invplat.cli.jobs.list:command", "List the jobs, the newest first."),
    "status": ("invplat.cli.jobs.status:command", "Show how far a job is, and what has become of each business."),
    "logs": ("invplat.cli.jobs.logs:command", "Show what a job's process has said."),
    "stop": ("invplat.cli.jobs.stop:command", "Stop a job; what is done of it stays done."),
    "retry": ("invplat.cli.jobs.retry:command", "Do what a job left undone, and only that."),
    "run": ("invplat.cli.jobs.run:command", "Take up a queued job in this process, to its end."),
}


class JobsGroup(LazyGroup):
    found = COMMANDS


@click.group(cls=JobsGroup)
@common
def group() -> None:
    """Long work that goes on after the command that asked for it: fine-tunes of one business or a thousand.

    \b
    Example:
      invplat jobs status 1f0c9a2b3d4e5f60
    """
