"""`invplat cluster status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from invplat.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from invplat.cluster.note import Note

GIB = 1 << 30


@click.command("status")
@common
@pass_output
def command(output: Output) -> None:
    """Show the cluster of this home: nodes alive and dead, processors and memory, what is in use, and what is served.

    The exit code is 0 where its head answers, and 1 where it does not.

    \b
    Examples:
      invplat cluster status
      invplat cluster status --json
    """
    from invplat.cluster import note as notes

    home = output.settings.home
    found = notes.find(home)
    content = {"state": "down", "home": home} if found is None else _state(output, found)
    output.result(content, table=lambda: _draw(output, content))
    if content["state"] not in ("up", "degraded"):
        click.get_current_context().exit(1)


def _state(output: Output, note: Note) -> dict[str, Any]:
    """`dead` is what a later `up` or `down` clears away."""
    from invplat.cluster import processes
    from invplat.cluster.note import plain
    from invplat.core.errors import InvplatError

    memory = processes.memory(note.id)
    listed: list[dict[str, Any]] = [
        {
            "node": node.name,
            "alive": bool(node.process.alive),
            "cpus": note.cpus,
            "cpus_used": None,
            "memory": memory.get(node.name, 0),
            "pid": node.process.pid,
        }
        for node in note.nodes
    ]
    content: dict[str, Any] = {"state": "dead", **plain(note), "nodes": listed, "applications": []}
    if not note.nodes:
        content["state"] = "starting" if note.starter.alive else "dead"
        return content
    if not note.up:
        return content
    content["state"] = "up" if all(node["alive"] for node in listed) else "degraded"
    try:
        _asked(output, note, content)
    except InvplatError as error:
        content |= {"state": "silent", "trouble": error.message}
    return content


def _asked(output: Output, note: Note, content: dict[str, Any]) -> None:
    """What only Ray knows."""
    from invplat import session

    with session.connected(address=note.address, packages=None):
        found = session.standing()
        known = sorted(found["nodes"], key=lambda one: bool(one["alive"]))  # one that was healed has a dead namesake
        used = {one["labels"].get("invplat-node"): one for one in known}
        for node in content["nodes"]:
            one = used.get(node["node"])
            node["cpus_used"] = None if one is None or not node["alive"] else one["cpus_used"]
            node["alive"] = node["alive"] and one is not None and one["alive"]
        content["resources"] = found["resources"]
        if found["serves"]:
            from invplat.serve import deployment

            content["applications"] = [{"name": deployment.NAME, **deployment.status(output.settings, note.address)}]


def _draw(output: Output, content: dict[str, Any]) -> None:
    if content["state"] == "down":
        click.echo(f"no cluster of {content['home']} is up")
        output.note("start one: invplat cluster up --nodes 3")
        return
    click.echo(f"{content['state']} at {content['address']} since {content['since']}")
    if content["dashboard"]:
        click.echo(f"the dashboard is {content['dashboard']}")
    if "trouble" in content:
        click.echo(content["trouble"])
    rows = [
        (
            node["node"],
            "alive" if node["alive"] else "dead",
            node["cpus"],
            node["cpus_used"],
            round(node["memory"] / GIB, 2),
            str(node["pid"]),
        )
        for node in content["nodes"]
    ]
    if rows:
        click.echo()
        output.table(rows, ("node", "", "CPUs", "in use", "GiB", "pid"))
    for application in content["applications"]:
        click.echo(f"\nserved: {application['name']}, {application['state']}")
    if content["state"] == "dead":
        output.note("clear away what is left: invplat cluster down")
