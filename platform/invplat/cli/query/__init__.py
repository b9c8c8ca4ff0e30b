"""`invplat query …`: each command imported on use."""

from __future__ import annotations

import click

from invplat.cli.lazy import LazyGroup
from invplat.cli.output import common

COMMANDS = {
    "forecast": ("invplat.cli.query.forecast:command", "Demand of the coming periods, with its band."),
    "orders": ("invplat.cli.query.orders:command", "What to order today, what is at risk, and why."),
    "kpis": ("invplat.cli.query.kpis:command", "Turnover, holding cost, service level, stockouts."),
    "model": ("invplat.cli.query.model:command", "Which model answers, how good it is, where it comes from."),
}


class QueryGroup(LazyGroup):
    found = COMMANDS


@click.group(cls=QueryGroup)
@common
def group() -> None:
    """Ask a running service, as any program would: by its URL, with a key.

    \b
    Example:
      INVPLAT_KEY=ivp_... invplat query orders corner-shop --only-orders
    """
