"""`invplat cluster cut`."""

from __future__ import annotations

import click

from invplat.cli.output import Output, common, pass_output


@click.command("cut")
@click.argument("node", metavar="NODE")
@click.option("--back", is_flag=True, help="Put the cable in again.")
@common
@pass_output
def command(output: Output, node: str, back: bool) -> None:
    """Cut a node off from the others, as by a cable pulled; of a cluster started with --namespaces.

    After about a minute Ray takes it for dead, and what can be done again is done elsewhere. A node that is back later
    than that ends by itself, as others have taken over its work: then cluster heal starts it anew.

    \b
    Examples:
      invplat cluster cut node-1
      invplat cluster cut node-1 --back
    """
    from invplat.cluster import nodes

    nodes.cut(output.settings.home, node, back=back)
    said = f"{node} is back on the network" if back else f"{node} is cut off"
    output.result({"node": node, "cut": not back}, table=lambda: click.echo(said))
