"""`invplat finetune …`: each command imported on use."""

from __future__ import annotations

import click

from invplat.cli.lazy import LazyGroup
from invplat.cli.output import common

COMMANDS = {
    "submit": ("invplat.cli.finetune.submit:command", "Give businesses models of their own, as one job."),
}


class FinetuneGroup(LazyGroup):
    found = COMMANDS


@click.group(cls=FinetuneGroup)
@common
def group() -> None:
    """From the base to each business's own model: adapted in batch, judged, and served where it is no worse.

    \b
    Example:
      invplat finetune submit --all --wait
    """
