"""`invplat status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from invplat.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from invplat.cli.running import Running

PATIENCE = 2.0  # seconds


@click.command("status")
@common
@pass_output
def command(output: Output) -> None:
    """Show whether the service runs, where, since when, and for how many businesses; on a cluster its replicas too.

    The exit code is 0 where it answers, and 1 where it does not.

    \b
    Examples:
      invplat status
      invplat status --address 10.0.0.5:6379 --json
    """
    settings = output.settings
    if settings.address is not None:
        from invplat.serve import deployment

        content = dict(deployment.status(settings, settings.address))
        output.result(content, table=lambda: _draw(output, content))
        return
    from invplat.cli import running

    found = running.find(settings.home)
    content = {"state": "down", "home": settings.home} if found is None else _state(found)
    output.result(content, table=lambda: _draw(output, content))
    if content["state"] != "running":
        click.get_current_context().exit(1)


def _state(found: Running) -> dict[str, Any]:
    from invplat.client import Client
    from invplat.core.errors import InvplatError

    state = "starting"
    if found.url is not None:
        state = "running"
        try:
            with Client(found.url, timeout=PATIENCE, patience=PATIENCE) as client:
                client.healthy()
        except InvplatError:
            state = "silent"
    where = {"url": found.url, "pid": found.process.pid, "host": found.process.host, "since": found.since}
    return {"state": state, **where, **found.facts}


def _draw(output: Output, content: dict[str, Any]) -> None:
    from invplat.cli.output import shown

    if content["state"] == "down":
        click.echo(f"nothing is served from {content['home']}")
        output.note("start it: invplat deploy")
        return
    plain = {name: value for name, value in content.items() if not isinstance(value, dict | list | tuple)}
    width = max(map(len, plain))
    for name, value in plain.items():
        text = str(value) if name in ("pid", "port") else shown(value)
        click.echo(f"{name.replace('_', ' '):<{width}}  {text}")
    for name, value in content.items():
        rows = value if isinstance(value, list | tuple) else []
        if isinstance(value, dict) and value:
            click.echo()
            output.table(value.items(), (name.replace("_", " "), ""))
        elif rows and all(isinstance(row, dict) for row in rows):
            columns = list(rows[0])
            click.echo()
            output.table([[row.get(column) for column in columns] for row in rows], columns, title=name)
        elif rows:
            click.echo(f"{name.replace('_', ' '):<{width}}  {shown(list(rows))}")
