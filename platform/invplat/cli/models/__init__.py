"""`invplat models …`: each command imported on use."""

from __future__ import annotations

import click

from invplat.cli.lazy import LazyGroup
from invplat.cli.output import common

COMMANDS = {
    "list": ("invplat.cli.models.list:command", "List a tenant's models, or the bases, or the versions of one."),
    "show": ("invplat.cli.models.show:command", "Show what a model is and where it comes from."),
    "promote": ("invplat.cli.models.promote:promote_command", "Make a version the champion, by hand."),
    "rollback": ("invplat.cli.models.promote:rollback_command", "Make the previous champion the champion again."),
    "challenge": ("invplat.cli.models.challenge:command", "Try a version beside the champion, on live questions."),
    "prune": ("invplat.cli.models.prune:command", "Remove old versions that nobody needs."),
    "export": ("invplat.cli.models.export:command", "Write a model's net as ONNX or torch.export."),
}


class ModelsGroup(LazyGroup):
    found = COMMANDS


@click.group(cls=ModelsGroup)
@common
def group() -> None:
    """The trained models of a tenant, and the bases: what there is, of what made, which is served, and the net itself.

    \b
    Example:
      invplat models list --tenant corner-shop
    """
