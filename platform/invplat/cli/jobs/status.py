"""`invplat jobs status`."""

from __future__ import annotations

import click

from invplat.cli.output import Output, common, pass_output


@click.command("status")
@click.argument("job", metavar="JOB")
@click.option("--wait", is_flag=True, help="Until it is over; the exit code then says how it ended.")
@common
@pass_output
def command(output: Output, job: str, wait: bool) -> None:
    """Show how far a job is, and of each business: its way, its error before and after, and what is served.

    \b
    Example:
      invplat jobs status 1f0c9a2b3d4e5f60 --json
    """
    from invplat.cli.jobs import shown, watch
    from invplat.registry.jobs import OVER

    with output.database() as database:
        found = shown.get(database, job)
        if wait:
            found = watch.wait(output, database, found.id)
        content = shown.content_of(database, found)
    output.result(content, table=lambda: shown.draw(output, content))
    if wait and found.state in OVER:
        click.get_current_context().exit(1)
