"""Jobs and Ray: packs as tasks, and on a cluster the job's own process as a Ray Job, to which the code travels.

The only file of the room that knows Ray. What a job is, and what it has come to, is in the registry.
"""

from __future__ import annotations

import logging
import os
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import invplat
from invplat.core.errors import InvplatError, SettingRefused, StorageError, UserError
from invplat.core.settings import Settings, hide_secrets
from invplat.registry.jobs import Job
from invplat.session import check_address, connected, room
from invplat.transfer.jobs_packs import Died, Pack

T = TypeVar("T")
ANSWER_WITHIN = 20.0  # seconds that a cluster has for one question
AGENT_WITHIN = 90.0  # seconds that a cluster's job agent has to come up
AGAIN_AFTER = 2.0  # seconds between two tries
OPTIONS = "INVPLAT_STORAGE_OPTIONS"
ENDED = ("FAILED", "STOPPED", "SUCCEEDED")


class OnRay:
    """A task for each pack, on the Ray that this process is connected to."""

    def __init__(self, at_once: int) -> None:
        import ray

        self.at_once = at_once
        self._task: Any = ray.remote(num_cpus=1, max_retries=0)(_adapt)
        self._running: dict[Any, Pack] = {}

    def start(self, pack: Pack) -> None:
        self._running[self._task.remote(pack, os.environ.get(OPTIONS))] = pack

    def ended(self, seconds: float) -> list[tuple[Pack, Any]]:
        import ray

        ready, _ = ray.wait(list(self._running), num_returns=1, timeout=seconds)
        return [(self._running.pop(reference), _result(reference)) for reference in ready]

    def stop(self) -> None:
        import ray

        for reference in self._running:
            ray.cancel(reference, force=True)
        self._running.clear()


def _adapt(pack: Pack, options: str | None) -> Any:
    """In a worker's process."""
    if options:
        os.environ.setdefault(OPTIONS, options)
    from invplat.transfer.jobs_adapt import adapt

    return adapt(pack)


def _result(reference: Any) -> Any:
    import ray
    from ray.exceptions import OutOfMemoryError, RayError, RayTaskError

    try:
        return ray.get(reference)
    except RayTaskError as error:
        if isinstance(error.cause, UserError | StorageError):
            raise error.cause from error
        return Died(f"{type(error.cause).__name__}: {error.cause}")
    except OutOfMemoryError:
        return Died("its process was ended, as memory ran out")
    except RayError as error:
        return Died(f"its process died ({type(error).__name__})")


@contextmanager
def embedded() -> Iterator[OnRay]:
    """A Ray of the job's own, a task for each processor."""
    workers = len(os.sched_getaffinity(0))
    with connected(workers):
        yield OnRay(workers)


@contextmanager
def on_cluster() -> Iterator[OnRay]:
    """In the process of a Ray Job, which has brought the code."""
    with connected(0, "auto", packages=None):
        yield OnRay(max(1, room()[0]))


def reach(address: str) -> None:
    """Refuses at once a cluster that would not take a job."""
    _client(address)


def submit(settings: Settings, job: Job, told: Callable[[str], None]) -> str:
    """The job's process as a Ray Job at the settings' address; its name there. The code goes with it."""
    address = str(settings.address)
    client = _client(address)
    name = f"invplat-{job.id}-{secrets.token_hex(3)}"
    with tempfile.TemporaryDirectory(prefix="invplat-job-") as folder:
        environment = {"py_modules": _code(Path(folder)), "env_vars": _sent(settings, told)}

        def go() -> str:
            sent: str = client.submit_job(
                entrypoint=f"python -m invplat jobs run {job.id} --cluster",
                submission_id=name,
                runtime_env=environment,
                metadata={"invplat": job.kind},
            )
            return sent

        began, said = time.monotonic(), False
        while True:
            try:
                return _asked(address, go, ANSWER_WITHIN * 3)
            except RuntimeError as error:
                if "o available agent" not in str(error):
                    raise _refused(address, error) from error
                if time.monotonic() - began > AGENT_WITHIN:
                    raise SettingRefused(
                        f"no job agent of the cluster at {hide_secrets(address)} came up in {AGENT_WITHIN:.0f} seconds",
                        hint="see dashboard_agent.log on its nodes; then: invplat jobs retry " + job.id,
                    ) from error
            if not said:
                told("the cluster's job agent is not up yet: waiting for it")
                said = True
            time.sleep(AGAIN_AFTER)


def gone(job: Job) -> str | None:
    """Why a job is no longer on its cluster; None where it is, or where the cluster can't be asked."""
    if job.ray_job is None or job.address is None:
        return None
    name, address = job.ray_job, job.address
    try:
        client = _client(address)
        info: Any = _asked(address, lambda: client.get_job_info(name))
    except RuntimeError as error:
        return "the cluster does not know it" if "404" in str(error) else None
    except UserError:
        return None
    if str(info.status) not in ENDED:
        return None
    said = [line for line in str(info.message or "").splitlines() if line.strip()]
    return f"its Ray Job {str(info.status).lower()}" + (f": {said[-1].strip()[:300]}" if said else "")


def log_of(job: Job) -> str:
    """All that a Ray Job has printed so far."""
    name, address = str(job.ray_job), str(job.address)
    client = _client(address)
    try:
        found: str = _asked(address, lambda: client.get_job_logs(name))
    except RuntimeError as error:
        raise _refused(address, error) from error
    return found


def _client(address: str) -> Any:
    parts = urlsplit(address)
    if parts.scheme in ("http", "https"):
        check_address(f"{parts.hostname}:{parts.port or {'http': 80, 'https': 443}[parts.scheme]}", ray=False)
    else:
        check_address(address)

    def made() -> Any:
        from ray.job_submission import JobSubmissionClient

        for name in ("ray", "ray.dashboard.modules.dashboard_sdk"):
            logging.getLogger(name).setLevel(logging.ERROR)  # they tell of everything that they pack
        return JobSubmissionClient(address)

    with _no_other_address():
        try:
            return _asked(address, made)
        except (RuntimeError, ValueError) as error:
            raise _refused(address, error) from error


def _asked(address: str, ask: Callable[[], T], seconds: float = ANSWER_WITHIN) -> T:
    """Ray's client waits for ever; a person does not."""
    found: list[T] = []
    trouble: list[BaseException] = []

    def go() -> None:
        try:
            found.append(ask())
        except BaseException as error:
            trouble.append(error)

    thread = threading.Thread(target=go, daemon=True)
    thread.start()
    thread.join(seconds)
    if found:
        return found[0]
    if not trouble:
        raise SettingRefused(
            f"the cluster at {hide_secrets(address)} did not answer within {seconds:.0f} seconds",
            hint="is its dashboard up, which takes jobs? See ray status on its head",
        )
    (error,) = trouble
    if type(error).__name__ == "AuthenticationError":
        raise SettingRefused(
            f"the cluster at {hide_secrets(address)} asks for a token",
            hint="set RAY_AUTH_MODE=token, and the token as RAY_AUTH_TOKEN or in a file named by RAY_AUTH_TOKEN_PATH",
        ) from error
    if isinstance(error, RuntimeError | ValueError | InvplatError):
        raise error
    raise _refused(address, error) from error


def _refused(address: str, error: BaseException) -> SettingRefused:
    said = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return SettingRefused(
        f"the cluster at {hide_secrets(address)} did not take the job: {said[:300]}",
        hint="it must run the same Ray as here, with its dashboard; without --address the job runs on this machine",
    )


def _code(folder: Path) -> list[str]:
    """The packages that are to travel, and a note by which their workloads are found there."""
    from invplat.workload import GROUP

    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    names = dict.fromkeys(["invplat", *(point.value.partition(":")[0].partition(".")[0] for point in points)])
    note = folder / f"invplat_sent-{invplat.__version__}.dist-info"
    note.mkdir()
    (note / "METADATA").write_text(f"Metadata-Version: 2.1\nName: invplat-sent\nVersion: {invplat.__version__}\n")
    lines = "".join(f"{point.name} = {point.value}\n" for point in points)
    (note / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}")
    found = [str(note)]
    for name in names:
        spec = find_spec(name)
        if spec is not None and spec.submodule_search_locations:
            found.append(next(iter(spec.submodule_search_locations)))
    return found


def _sent(settings: Settings, told: Callable[[str], None]) -> dict[str, str]:
    """What the process there is told of the registry and the storage. A cluster shows what its jobs were sent to
    whoever may look, so nothing with a secret in it goes along."""
    given = {
        "INVPLAT_DATABASE_URL": settings.database_url,
        "INVPLAT_STORAGE_URL": settings.storage_url,
        OPTIONS: os.environ.get(OPTIONS, ""),
    }
    found = {name: value for name, value in given.items() if value and not _secret(value)}
    for name in given.keys() - found.keys():
        if given[name]:
            told(f"{name} holds a secret and is not sent: the cluster's nodes must have it in their environment")
    return found


def _secret(value: str) -> bool:
    return hide_secrets(value) != value or any(word in value.lower() for word in ("secret", "password", '"key"'))


@contextmanager
def _no_other_address() -> Iterator[None]:
    """Ray's client would rather go where its own variables point."""
    kept: Mapping[str, str] = {
        name: os.environ.pop(name) for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS") if name in os.environ
    }
    try:
        yield
    finally:
        os.environ.update(kept)
