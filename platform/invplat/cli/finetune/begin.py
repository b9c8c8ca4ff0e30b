"""A queued job is begun: in a process of its own, on a cluster, or here; and watched, where somebody wants to."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from invplat.cli.output import Output

if TYPE_CHECKING:
    from invplat.registry.database import Database
    from invplat.registry.jobs import Job

PATIENCE = 300.0  # seconds that a job bears a registry that is down: nobody is waiting at a keyboard


def begin(output: Output, database: Database, job: Job, *, in_process: bool, wait: bool, said: str) -> None:
    """Where nobody has taken it up yet; and the command's result."""
    from invplat.cli.jobs import shown, watch
    from invplat.registry import jobs
    from invplat.transfer.jobs_process import unattended

    if unattended(job):
        if in_process:
            run_here(output, database, job.id, "in-process", output.note)
        else:
            send(output, database, job)
    found = jobs.get(database, job.id)
    if wait and not in_process:
        output.note(said)
        found = watch.wait(output, database, job.id)
    content = shown.content_of(database, found)
    over = wait or in_process

    def draw() -> None:
        if over:
            shown.draw(output, content)
        else:
            click.echo(f"{said}: invplat jobs status {job.id}")

    output.result(content if over else {**content, "results": None}, table=draw)
    if over and found.state in jobs.OVER:
        click.get_current_context().exit(1)


def send(output: Output, database: Database, job: Job) -> None:
    """To whoever is to take it up. Where that fails, the job is marked lost at once."""
    from invplat.registry import jobs
    from invplat.transfer import jobs_process

    settings = output.settings
    try:
        if settings.address is None:
            jobs_process.start(settings, database, job)
            return
        from invplat.transfer.jobs import submit

        name = submit(settings, job, output.note)
        jobs.sent(database, job.id, ray_job=name, address=settings.address)
    except BaseException as error:
        jobs.lose(
            database, job, f"it could not be begun: {str(error).splitlines()[0] if str(error) else 'interrupted'}"
        )
        raise


def run_here(output: Output, database: Database, job: str, place: str, told: Callable[[str], None]) -> None:
    """In this process, to its end; `place`: in-process, embedded or cluster."""
    import os

    from invplat.registry import audit
    from invplat.registry.database import VARIABLE
    from invplat.storage import open_storage
    from invplat.transfer import jobs_run

    storage = open_storage(output.settings.storage_url)
    if place != "in-process" and not os.environ.get(VARIABLE):
        database.patience = PATIENCE
    pool: AbstractContextManager[Any]
    if place == "in-process":
        pool = nullcontext(jobs_run.Here())
    else:
        from invplat.transfer.jobs import embedded, on_cluster

        pool = embedded() if place == "embedded" else on_cluster()
    with pool as packs:
        jobs_run.run(database, storage, job, packs, actor=audit.person(), told=told)
