"""`invplat cluster up`."""

from __future__ import annotations

import signal
import time
from typing import NoReturn

import click

from invplat.cli.output import Output, common, pass_output


@click.command("up")
@click.option("--nodes", type=click.IntRange(1, 64), default=3, show_default=True, help="How many, the head included.")
@click.option("--cpus", type=click.IntRange(1, 1024), default=1, show_default=True, help="Processors of each node.")
@click.option("--dashboard", is_flag=True, help="Ray's dashboard too, which takes jobs: finetune submit needs it.")
@click.option("--redis", metavar="HOST:PORT", help="Keep there what the head knows; its password in REDIS_PASSWORD.")
@click.option("--namespaces", is_flag=True, help="An address of its own for each node, to cut it off; needs root.")
@common
@pass_output
def command(output: Output, nodes: int, cpus: int, dashboard: bool, redis: str | None, namespaces: bool) -> None:
    """Start a Ray of several nodes on this machine, which stays up until `cluster down`.

    Every command reaches it with --address cluster, or when INVPLAT_ADDRESS=cluster is set. All its ports are this
    machine's own, and whoever has not the token in HOME/cluster is not let in; for Ray's own
    programs there is HOME/cluster/env to be sourced. Processors are what it hands out: there may be more than the
    machine has.

    \b
    Examples:
      invplat cluster up --nodes 3
      invplat cluster up --nodes 3 --cpus 2 --dashboard
      invplat cluster up --nodes 3 --redis 127.0.0.1:6379
    """
    from invplat.cluster import kept
    from invplat.cluster import nodes as started
    from invplat.cluster.note import plain

    settings = output.settings
    began = time.monotonic()
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        # As no secret is sent to a cluster, it has to know by itself where the registry and the bytes are.
        given = {"INVPLAT_DATABASE_URL": settings.database_url, "INVPLAT_STORAGE_URL": settings.storage_url}
        note = started.up(
            settings.home,
            nodes,
            cpus,
            dashboard=dashboard,
            told=output.note,
            environment=given,
            redis=None if redis is None else kept.wanted(redis),
            namespaces=namespaces,
        )
    finally:
        signal.signal(signal.SIGTERM, before)
    took = time.monotonic() - began
    listed = [{"name": node.name, "pid": node.process.pid} for node in note.nodes]
    content = {**plain(note), "nodes": listed, "token": note.token, "seconds": round(took, 1)}

    def draw() -> None:
        click.echo(f"{nodes} {'node is' if nodes == 1 else 'nodes are'} up at {note.address}, {cpus} CPU each")
        if note.dashboard:
            click.echo(f"the dashboard is {note.dashboard}, its token in {note.token}")
        click.echo("to work there, add --address cluster to a command, or for all that follow:")
        click.echo("  export INVPLAT_ADDRESS=cluster")
        output.note(f"it took {took:.0f} s; end it: invplat cluster down")

    output.result(content, table=draw)


def _stop(number: int, frame: object) -> NoReturn:
    """As Ctrl-C: what was started is taken down again."""
    raise KeyboardInterrupt
