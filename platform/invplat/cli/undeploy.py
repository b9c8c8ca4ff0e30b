"""`invplat undeploy`."""

from __future__ import annotations

import os
import select
import signal
from typing import TYPE_CHECKING

import click

from invplat.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from invplat.core.process import Process


@click.command("undeploy")
@click.option(
    "--within", type=click.FloatRange(0), default=60, show_default=True, metavar="SECONDS", help="That it may take."
)
@common
@pass_output
def command(output: Output, within: float) -> None:
    """Stop the service: the one of this home, or with --address that of a cluster. What is under way is answered.

    \b
    Examples:
      invplat undeploy
      invplat undeploy --address 10.0.0.5:6379
    """
    settings = output.settings
    if settings.address is not None:
        from invplat.serve import deployment

        stopped = deployment.undeploy(settings, settings.address)
        content = {"stopped": stopped, "address": settings.address}
        said = "it has stopped" if stopped else f"nothing is served at {settings.address}"
    else:
        from invplat.cli import running

        found = running.find(settings.home)
        if found is not None:
            end(found.process, within)
        content = {"stopped": found is not None, "pid": None if found is None else found.process.pid}
        said = f"nothing is served from {settings.home}" if found is None else f"{running.told(found)}: it has stopped"
    output.result(content, table=lambda: click.echo(said))


def end(process: Process, within: float) -> None:
    """Ask that very process to end, and see it gone: a handle keeps its number from meaning another one meanwhile."""
    from invplat.core.errors import Conflict, InvplatError, StorageError

    if not process.here:
        raise Conflict(
            f"the service is process {process.pid} on {process.host}, which can't be reached from here",
            hint=f"stop it there: invplat undeploy on {process.host}",
        )
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if process.alive is False:
            return
        signal.pidfd_send_signal(handle, signal.SIGTERM)
        if not select.select([handle], [], [], within)[0]:
            raise InvplatError(
                f"process {process.pid} is still ending after {within:g} seconds", hint="look again: invplat status"
            )
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise StorageError(f"process {process.pid} is somebody else's", hint="ask who started it") from error
    finally:
        os.close(handle)
