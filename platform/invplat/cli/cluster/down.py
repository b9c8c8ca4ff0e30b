"""`invplat cluster down`."""

from __future__ import annotations

import time

import click

from invplat.cli.output import Output, common, pass_output


@click.command("down")
@common
@pass_output
def command(output: Output) -> None:
    """End the cluster of this home and all that runs on it: asked first, killed after a few seconds. Where nothing is
    up it says so.

    \b
    Example:
      invplat cluster down
    """
    from invplat.cluster import nodes

    began = time.monotonic()
    home = output.settings.home
    ended = nodes.down(home)
    took = round(time.monotonic() - began, 1)
    said = f"no cluster of {home} is up" if ended is None else f"it is down: {ended} processes ended in {took:g} s"
    content = {"stopped": ended is not None, "processes": ended or 0, "seconds": took}
    output.result(content, table=lambda: click.echo(said))
