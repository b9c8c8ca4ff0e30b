"""`invplat jobs stop`."""

from __future__ import annotations

import click

from invplat.cli.output import Output, common, pass_output


@click.command("stop")
@click.argument("job", metavar="JOB")
@common
@pass_output
def command(output: Output, job: str) -> None:
    """Stop a job. What is done of it stays done, and `jobs retry` does the rest.

    \b
    Example:
      invplat jobs stop 1f0c9a2b3d4e5f60
    """
    from invplat.cli.jobs import shown
    from invplat.registry import audit, jobs
    from invplat.registry.jobs import State
    from invplat.transfer.jobs_process import nudge

    with output.database() as database:
        shown.get(database, job)
        found = jobs.stop(database, job, actor=audit.person())
        nudge(found)
        content = shown.content_of(database, found)
    if found.state is State.RUNNING:
        said = f"job {job} is asked to stop: invplat jobs status {job}"
    else:
        said = f"job {job} is {found.state}"
    output.result(content, table=lambda: click.echo(said))
