"""`invplat cluster kill`."""

from __future__ import annotations

import click

from invplat.cli.output import Output, common, pass_output


@click.command("kill")
@click.argument("node", metavar="NODE")
@common
@pass_output
def command(output: Output, node: str) -> None:
    """Kill a node at once, as a machine is lost. Ray notices within seconds; what can be done again is done
    elsewhere.

    \b
    Example:
      invplat cluster kill node-1
    """
    from invplat.cluster import nodes

    killed = nodes.kill(output.settings.home, node)
    content = {"node": node, "processes": killed}
    output.result(content, table=lambda: click.echo(f"{node} is dead: {killed} processes killed"))
