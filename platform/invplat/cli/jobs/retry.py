"""`invplat jobs retry`."""

from __future__ import annotations

import click

from invplat.cli.output import Output, common, pass_output


@click.command("retry")
@click.argument("job", metavar="JOB")
@click.option("--wait", is_flag=True, help="Show how far it is, and in the end what has become of each business.")
@click.option("--in-process", is_flag=True, help="In this process, without Ray.")
@common
@pass_output
def command(output: Output, job: str, wait: bool, in_process: bool) -> None:
    """Do what a job that failed, was stopped or lost has left undone, and only that.

    It goes on where jobs run now: on this machine, or with --address on a cluster.

    \b
    Example:
      invplat jobs retry 1f0c9a2b3d4e5f60 --wait
    """
    from invplat.cli.finetune.begin import begin
    from invplat.cli.jobs import shown
    from invplat.registry import audit, jobs
    from invplat.transfer.jobs_process import unattended

    with output.database() as database:
        found = shown.get(database, job)
        if not unattended(found):
            found = jobs.retry(database, job, actor=audit.person())
        begin(output, database, found, in_process=in_process, wait=wait, said=f"job {found.id} goes on")
