"""A job's process on this machine: started so that it outlives whoever asked, looked after, and its log read.

What the registry says of jobs is held against what is there whenever it is read, so that it never lies.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from invplat.core.errors import StorageError
from invplat.core.process import Process
from invplat.core.settings import Settings
from invplat.registry import jobs
from invplat.registry.database import Database
from invplat.registry.jobs import BEAT, SILENT, UNDER_WAY, Job, State


def log_of(settings: Settings, job: Job) -> Path:
    return settings.home / "jobs" / f"{job.id}.log"


def start(settings: Settings, database: Database, job: Job) -> int:
    """In a session of its own, with nobody's terminal; the process id."""
    log = log_of(settings, job)
    environment = {name: value for name, value in os.environ.items() if name not in ("INVPLAT_ADDRESS", "RAY_ADDRESS")}
    environment["INVPLAT_HOME"] = str(settings.home)
    environment["INVPLAT_DATABASE_URL"] = settings.database_url  # never among the words that anybody can list
    environment["INVPLAT_STORAGE_URL"] = settings.storage_url
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "invplat", "jobs", "run", job.id],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env=environment,
                cwd=settings.home,
                start_new_session=True,
            )
    except OSError as error:
        raise StorageError(
            f"the job's process could not be started: {error.strerror or error}", hint=f"see that {log} can be written"
        ) from error
    threading.Thread(target=process.wait, daemon=True).start()  # a server that submits jobs collects those that end
    jobs.sent(database, job.id, process=Process.of(process.pid))
    return process.pid


def checked(database: Database, job: Job, ask: Callable[[Job], str | None] | None = None) -> Job:
    """As it really is. `ask`: of a job on a cluster, why it is no longer there; none where it is, or can't be asked."""
    if job.state not in UNDER_WAY:
        return job
    why: str | None = None
    if job.dead:
        why = ""
    elif job.state is State.QUEUED and job.process is None and job.ray_job is None and job.silent > SILENT:
        why = "whoever submitted it ended before it was begun"
    elif job.ray_job is not None and ask is not None and (job.state is State.QUEUED or job.silent > 2 * BEAT):
        why = ask(job)
    if why is None:
        return job
    jobs.lose(database, job, why)
    return jobs.get(database, job.id)


def check_all(database: Database, found: Iterable[Job], ask: Callable[[Job], str | None] | None = None) -> list[Job]:
    return [checked(database, job, ask) for job in found]


def unattended(job: Job) -> bool:
    """Queued, and nobody was told to take it up."""
    return job.state is State.QUEUED and job.process is None and job.ray_job is None


def nudge(job: Job) -> None:
    """Wake a process of this machine that is to stop, so that it need not be waited for."""
    if job.state is State.RUNNING and job.process is not None and job.process.alive:
        with suppress(OSError):
            os.kill(job.process.pid, signal.SIGTERM)
