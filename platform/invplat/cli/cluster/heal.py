"""`invplat cluster heal`."""

from __future__ import annotations

import time

import click

from invplat.cli.output import Output, common, pass_output


@click.command("heal")
@common
@pass_output
def command(output: Output) -> None:
    """Start every node again that is dead: with its old name, as an empty machine. A head comes back where a Redis
    has kept what it knew (cluster up --redis); what runs on other nodes goes on meanwhile.

    \b
    Example:
      invplat cluster heal
    """
    from invplat.cluster import nodes

    settings = output.settings
    began = time.monotonic()
    given = {"INVPLAT_DATABASE_URL": settings.database_url, "INVPLAT_STORAGE_URL": settings.storage_url}
    healed, note = nodes.heal(settings.home, told=output.note, environment=given)
    took = round(time.monotonic() - began, 1)
    content = {"address": note.address, "healed": healed, "seconds": took}
    said = f"{', '.join(healed)} up again after {took:g} s" if healed else "all nodes live: nothing to heal"
    output.result(content, table=lambda: click.echo(said))
