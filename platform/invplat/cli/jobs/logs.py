"""`invplat jobs logs`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from invplat.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from invplat.registry.jobs import Job

LOOK_EVERY = 0.5  # seconds between two looks at a file
ASK_EVERY = 3.0  # between two questions to a cluster


@click.command("logs")
@click.argument("job", metavar="JOB")
@click.option("-f", "--follow", is_flag=True, help="Go on showing what comes, until the job is over.")
@common
@pass_output
def command(output: Output, job: str, follow: bool) -> None:
    """Show what a job's process has said, on this machine or on the cluster where it runs.

    \b
    Example:
      invplat jobs logs 1f0c9a2b3d4e5f60 -f
    """
    from invplat.cli.jobs import shown
    from invplat.registry.jobs import UNDER_WAY

    said = 0
    text = ""
    with output.database() as database:
        while True:
            found = shown.get(database, job)
            over = found.state not in UNDER_WAY
            text = _text(output, found)
            if not output.json:
                click.echo(text[said:], nl=False)
            said = len(text)
            if over or not follow:
                break
            time.sleep(LOOK_EVERY if found.ray_job is None else ASK_EVERY)
    if output.json:
        output.result({"job": found.id, "state": str(found.state), "log": text.splitlines()})


def _text(output: Output, job: Job) -> str:
    from invplat.core.errors import Unknown
    from invplat.registry.jobs import UNDER_WAY
    from invplat.transfer.jobs_process import log_of

    if job.ray_job is not None:
        from invplat.transfer import jobs

        return jobs.log_of(job)
    log = log_of(output.settings, job)
    try:
        return log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        if job.state in UNDER_WAY and (job.process is None or job.process.here):
            return ""
        where = f"on {job.process.host}" if job.process is not None and not job.process.here else f"at {log}"
        raise Unknown(f"job {job.id} has no log here", hint=f"it would be {where}") from None
