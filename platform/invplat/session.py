"""Tasks, one process or many: the only place in the platform that starts Ray or connects to it.

Without workers and address everything runs here, in a plain loop: the way to debug, and the fastest for little work.
Knows nothing of what a task does; Ray is imported only when it is asked for.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TypeVar

from invplat.cluster import note as clusters
from invplat.core.errors import InvplatError, SettingRefused
from invplat.core.settings import hide_secrets

T = TypeVar("T")
R = TypeVar("R")

OBJECT_STORE = 200 * 1024**2  # bytes, where nothing large is sent; tasks return summaries, not tables
ANSWER_WITHIN = 5.0  # seconds that a cluster has to accept a connection
WAITING = 4  # finished results kept for their turn, per worker, before no more tasks are sent
# Workers are the parallelism here: libraries that start a thread a core would only fight over the cores.
ONE_THREAD = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def run_tasks(
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    workers: int = 0,
    address: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[R]:
    """`function` of every item, in the order of the items, whoever was first.

    `workers` processes on this machine, or as many (0: as fit) on the Ray cluster at `address`, or, with neither, here.
    `progress` is told how many of how many are done. An error in a task comes out as it was raised there, and no
    further task starts. What was started is stopped when the iterator ends or is closed.
    """
    if workers < 0:
        raise SettingRefused(f"{workers} workers", hint="0 runs in this process, 2 in two processes")
    listed = list(items)
    if workers == 0 and address is None:
        return _here(function, listed, progress)
    return _on_ray(function, listed, workers, address, progress)


def _here(function: Callable[[T], R], items: Sequence[T], progress: Callable[[int, int], None] | None) -> Iterator[R]:
    for number, item in enumerate(items, 1):
        result = function(item)
        if progress:
            progress(number, len(items))
        yield result


def _on_ray(
    function: Callable[[T], R],
    items: Sequence[T],
    workers: int,
    address: str | None,
    progress: Callable[[int, int], None] | None,
) -> Iterator[R]:
    if not items:
        return
    with connected(workers, address):
        import ray

        at_once = workers or max(1, room()[0])

        def call(item: T) -> R:
            return function(item)  # Ray takes plain functions only; this makes one of any callable

        task: Any = ray.remote(num_cpus=1)(call)
        running: dict[Any, int] = {}
        finished: dict[int, Any] = {}
        sent = given = done = 0
        try:
            while given < len(items):
                while sent < len(items) and len(running) < at_once and sent - given < WAITING * at_once:
                    running[task.remote(items[sent])] = sent
                    sent += 1
                if given in finished:
                    yield _result(finished.pop(given))
                    given += 1
                    continue
                for reference in ray.wait(list(running), num_returns=1)[0]:
                    finished[running.pop(reference)] = reference
                    done += 1
                    if progress:
                        progress(done, len(items))
        finally:
            for reference in running:
                ray.cancel(reference, force=True)


def _result(reference: Any) -> Any:
    import ray
    from ray.exceptions import OutOfMemoryError, RayTaskError, WorkerCrashedError

    try:
        return ray.get(reference)
    except RayTaskError as error:
        if isinstance(error.cause, Exception):
            raise error.cause from error
        raise
    except (OutOfMemoryError, WorkerCrashedError) as error:
        raise InvplatError(
            "a worker process died, most likely out of memory", hint="fewer --workers leave more memory for each"
        ) from error


@contextmanager
def connected(
    workers: int = 0,
    address: str | None = None,
    *,
    gpus: bool = False,
    store: int = OBJECT_STORE,
    packages: Sequence[str] | None = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Ray for the time of a `with`: already there, at `address`, or started here and stopped afterwards.

    `gpus`: those of this machine are handed out too. `store`: bytes that it keeps in memory for its processes.
    `packages`: beside our own code, packages that workers at `address` may lack; None: all is there already.
    `environment`: variables that its processes have besides.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a Ray of ours tells nobody about itself
    if address is not None:
        _join(address)
    import ray

    if address is not None and ":" not in address:
        check_address(address)  # a name of no cluster is that, whatever this process works on
    if ray.is_initialized():
        there = ray.get_runtime_context().gcs_address
        if address not in (None, "auto", there):
            raise SettingRefused(
                f"this process already works on the Ray at {there}, not at {address}",
                hint="one process talks to one Ray: use another process, or stop the first with ray.shutdown()",
            )
        yield
        return
    if address is not None:
        check_address(address)
    variables = {**ONE_THREAD, **(environment or {})}
    options: dict[str, Any] = {"namespace": "invplat", "log_to_driver": False, "configure_logging": False}
    logging.getLogger("ray._private.authentication").setLevel(logging.ERROR)  # it says each time that a token guards us
    with _to_itself():
        if address is None:
            ray.init(
                address="local",  # else RAY_ADDRESS in the environment would be obeyed
                num_cpus=max(1, workers),
                num_gpus=None if gpus else 0,  # None: as many as there are
                object_store_memory=max(store, OBJECT_STORE),
                include_dashboard=False,
                runtime_env={"env_vars": variables},
                **options,
            )
        else:
            sent: dict[str, Any] = {"env_vars": variables}
            if packages is not None:
                sent["py_modules"] = [import_module(name) for name in ("invplat", *packages)]
            try:
                ray.init(address=address, runtime_env=sent, **options)
            except (ConnectionError, RuntimeError, TimeoutError, ValueError) as error:
                said = " ".join(str(error).split())[:300]
                raise SettingRefused(
                    f"the Ray cluster at {hide_secrets(address)} did not take us in: {said}",
                    hint="it must run the same Ray as here; without --address the work runs on this machine",
                ) from error
        try:
            yield
        finally:
            ray.shutdown()


@contextmanager
def _to_itself() -> Iterator[None]:
    """What a raylet has to report, of a node that died for example, Ray would print amid our answers, on stdout."""
    worker: Any = import_module("ray._private.worker")
    said = worker.print_to_stdstream
    worker.print_to_stdstream = lambda *data, **how: None
    try:
        yield
    finally:
        worker.print_to_stdstream = said


def room() -> tuple[int, int]:
    """Processors and GPUs of the Ray that this process is connected to."""
    import ray

    found = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return int(found.get("CPU", 0)), int(found.get("GPU", 0))


def standing() -> dict[str, Any]:
    """Of the Ray that this process is connected to: its nodes, what there is and is in use, whether it serves."""
    import ray
    from ray._private.state import available_resources_per_node
    from ray.util import list_named_actors

    free = available_resources_per_node()  # type: ignore[no-untyped-call]
    known: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    nodes = []
    for node in known:
        has = node["Resources"].get("CPU", 0)
        left = free.get(node["NodeID"], {}).get("CPU", 0)
        one = {"alive": node["Alive"], "labels": node.get("Labels", {}), "cpus": has, "cpus_used": has - left}
        nodes.append(one)
    total = ray.cluster_resources()  # type: ignore[no-untyped-call]
    available = ray.available_resources()  # type: ignore[no-untyped-call]
    counted = {name: value for name, value in total.items() if not name.startswith(("node:", "accelerator_type:"))}
    resources = {name: {"total": value, "used": value - available.get(name, 0)} for name, value in counted.items()}
    actors: list[Any] = list_named_actors(all_namespaces=True)
    serves = any(actor["namespace"] == "serve" for actor in actors)
    return {"nodes": nodes, "resources": resources, "serves": serves}


def _join(address: str) -> None:
    """Ray reads its environment when it is imported, so where that was before, it is told."""
    if clusters.join(address) and "ray" in sys.modules:
        from ray._private import ray_constants

        raylet: Any = import_module("ray._raylet")
        ray_constants.ENABLE_RAY_CLUSTER = False
        raylet.Config.initialize("")
        raylet.AuthenticationTokenLoader.instance().reset_cache()


def check_address(address: str, *, ray: bool = True) -> None:
    """Refuse an address where nothing answers: Ray itself would try for minutes. `ray`: it must be Ray's own port.

    A cluster that this person has started here lets this process in from now on.
    """
    if address == "auto":
        return
    if address == clusters.OURS:
        raise SettingRefused("no cluster of this home is up", hint="start one: invplat cluster up --nodes 3")
    _join(address)
    host, separator, port = address.removeprefix("ray://").rpartition(":")
    if not (host and separator and port.isdecimal() and 0 < int(port) < 65536):
        raise SettingRefused(
            f"{hide_secrets(address)!r} is no address of a Ray cluster", hint="write HOST:PORT, ray://HOST:PORT or auto"
        )
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_WITHIN) as asked:
            # Behind TLS only Ray itself can ask.
            speaks = not ray or bool(os.environ.get("RAY_USE_TLS")) or _speaks(asked)
    except OSError as error:
        raise SettingRefused(
            f"nothing answers at {address} within {ANSWER_WITHIN:.0f} seconds: {error}",
            hint="is the cluster up, and the port open from here? Without --address the work runs on this machine",
        ) from error
    if not speaks:
        raise SettingRefused(
            f"what answers at {address} is no Ray", hint="name the port of the cluster's head, usually 6379"
        )


def _speaks(asked: socket.socket) -> bool:
    """HTTP/2, as Ray does: its server answers a greeting with its settings, frame type 4."""
    asked.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5))
    head = asked.recv(9)
    return len(head) > 3 and head[3] == 4


@contextmanager
def quiet(settings: Mapping[str, str]) -> Iterator[None]:
    """Ray's libraries without words, and with these of their settings, which they read from the environment."""
    before = {name: os.environ.get(name) for name in settings}
    logger = logging.getLogger("ray")
    level = logger.level
    os.environ.update(settings)
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():  # of Ray about itself
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
