"""`invplat jobs run`: what a job's own process runs, and a way to run one where a debugger sees it."""

from __future__ import annotations

from datetime import datetime

import click

from invplat.cli.output import Output, common, pass_output


@click.command("run")
@click.argument("job", metavar="JOB")
@click.option("--in-process", is_flag=True, help="In this process, without Ray.")
@click.option("--cluster", is_flag=True, help="As a Ray Job does: on the Ray that it was started by.")
@common
@pass_output
def command(output: Output, job: str, in_process: bool, cluster: bool) -> None:
    """Take up a queued job in this process, to its end. `finetune submit` starts a process that does so.

    \b
    Example:
      invplat jobs run 1f0c9a2b3d4e5f60 --in-process
    """
    from invplat.cli.finetune.begin import run_here
    from invplat.cli.jobs import shown
    from invplat.core.errors import Unknown
    from invplat.registry import jobs

    def told(sentence: str) -> None:
        output.note(f"{datetime.now():%Y-%m-%d %H:%M:%S} {sentence}")

    place = "in-process" if in_process else "cluster" if cluster else "embedded"
    with output.database() as database:
        try:
            jobs.get(database, job)
        except Unknown as error:
            if not cluster:
                raise
            raise Unknown(
                f"{error.message} in {database.shown}",
                hint="give the cluster's nodes the registry's address in their environment: INVPLAT_DATABASE_URL",
            ) from error
        run_here(output, database, job, place, told)
        found = jobs.get(database, job)
        content = shown.content_of(database, found)
    output.result({**content, "results": len(content["results"])}, table=lambda: told(shown.headline(content)))
    if found.state in jobs.OVER:
        click.get_current_context().exit(1)
