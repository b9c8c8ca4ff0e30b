"""Serving on Ray: replicas of the application behind Serve's HAProxy. The only file of the room that knows Ray.

Without an address a Ray of our own is started for as long as the deployment is wanted; with one, the application stays
on that cluster when this process has gone. A replica is the whole service: it lets in, gathers and answers by itself,
so a request takes one way through one process.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from invplat.core.errors import InvplatError
from invplat.core.settings import Settings
from invplat.registry import tenants
from invplat.registry.database import Database
from invplat.serve import front
from invplat.serve.options import Options as Options
from invplat.serve.options import of_texts
from invplat.session import OBJECT_STORE, check_address, connected, quiet

NAME = "invplat"
NEAR_WITHIN = 15.0  # seconds that a healthy deployment elsewhere has to be reached from here
HEALTHY_WITHIN = 180.0  # seconds
LOGS = "see why: the logs of Ray are under /tmp/ray/session_latest/logs/serve"
DRAIN = 10.0  # seconds that a replica has to finish what it has begun
STORAGE_OPTIONS = "INVPLAT_STORAGE_OPTIONS"
# What Serve and the C library read from the environment, in every process of it. One event loop a replica: a hop
# between two costs more than all that we do with a request.
SERVE = {
    "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0",
    "RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP": "0",
    # A replica holds many businesses' small tables, and each request reads another's: large pages find them sooner.
    "GLIBC_TUNABLES": os.environ.get("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"),
}


@dataclass(frozen=True)
class Deployed:
    url: str
    tenants: int
    replicas: int

    @property
    def pages(self) -> str:
        return f"{self.url}/"


@contextmanager
def deploy(
    settings: Settings,
    options: Options,
    *,
    address: str | None = None,
    told: Callable[[str], None] = lambda text: None,
) -> Iterator[Deployed]:
    """Up and healthy while the `with` lasts; with an address, from then on."""
    if address is not None:
        check_address(address)
    environment = {**SERVE, "RAY_SERVE_ENABLE_HA_PROXY": str(int(options.haproxy))}
    # Before it ends a replica waits for whoever stands in front to notice; on one machine nobody is far.
    environment["RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S"] = "1" if address is None else f"{DRAIN:g}"
    with (
        front.held(options.host, options.port) if address is None else nullcontext(options.port) as port,
        front.front() if address is None else nullcontext(front.elsewhere()) as before,
        quiet(environment | before),
        _ray(options, address, environment | before),
    ):
        from ray import serve

        options = replace(options, port=port)
        told("Ray is up; starting the replicas")
        try:
            _started(settings, options)
            yield _deployed(settings, options, address)
        finally:
            if address is None:
                told("stopping")
                serve.delete(NAME)  # what replicas have begun they finish; the rest of Serve goes with its Ray


def status(settings: Settings, address: str | None = None) -> dict[str, Any]:
    """Of the application on the cluster at that address."""
    with quiet(SERVE), connected(address=address or "auto"):
        from ray import serve

        _hush()
        found = serve.status().applications.get(NAME)
        if found is None:
            return {"state": "NOT_STARTED", "replicas": []}
        deployments = {name: asdict(each) for name, each in found.deployments.items()}
        return {"state": str(found.status.value), "message": found.message, "deployments": _plain(deployments)}


def undeploy(settings: Settings, address: str | None = None) -> bool:
    """Whether there was something to stop."""
    with quiet(SERVE), connected(address=address or "auto"):
        from ray import serve

        _hush()
        there = NAME in serve.status().applications
        if there:
            serve.delete(NAME)
            if not serve.status().applications:  # else it would keep the port, and the next one could have no other
                serve.shutdown()  # type: ignore[no-untyped-call]
        return there


@contextmanager
def _ray(options: Options, address: str | None, environment: Mapping[str, str]) -> Iterator[None]:
    if address is None:
        # A replica is one process on one event loop; Serve's own actors want no processor.
        with connected(options.replicas[1], store=OBJECT_STORE, environment=environment):
            yield
        return
    packages = sorted({point.value.partition(".")[0] for point in entry_points(group="invplat.workloads")})
    with connected(address=address, packages=packages, environment=environment):
        yield


def built(args: Mapping[str, Any]) -> Any:
    """For a RayService, which deploys by itself from an import path: `invplat.serve.deployment:built`. Settings are
    those of its environment; `args` are fields of Options, and may be texts."""
    from invplat.core.settings import load_settings

    return _application(load_settings({}), of_texts(args))


def _started(settings: Settings, options: Options) -> None:
    from ray.exceptions import RayError

    try:
        _run(settings, options)
    except (RayError, RuntimeError, TimeoutError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise InvplatError(
            f"the replicas could not be started: {lines[-1] if lines else type(error).__name__}", hint=LOGS
        ) from error


def _run(settings: Settings, options: Options) -> None:
    from ray import serve
    from ray.serve.config import HTTPOptions

    logging.getLogger("ray.serve").setLevel(logging.ERROR)  # of this process
    at = HTTPOptions(host=options.host, port=options.port)
    serve.start(proxy_location=_fronts(), http_options=at, logging_config=_logs())
    serve.run(_application(settings, options), name=NAME, route_prefix="/")


def _fronts() -> str:
    """What listens does so on every node that has a replica, so that no node is the only way in; where nodes share one
    address the port can be had only once."""
    import ray

    known: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    hosts = [node["NodeManagerAddress"] for node in known if node["Alive"]]
    return "EveryNode" if len(set(hosts)) == len(hosts) > 1 else "HeadOnly"


def _application(settings: Settings, options: Options) -> Any:
    from ray import serve
    from ray.serve.config import AutoscalingConfig

    fewest, most = options.replicas
    scale: dict[str, Any] = {"num_replicas": fewest}
    if most > fewest:
        scale = {
            "autoscaling_config": AutoscalingConfig(
                min_replicas=fewest, max_replicas=most, target_ongoing_requests=options.in_flight / 8
            )
        }
    replica = serve.deployment(
        name="replica",
        max_ongoing_requests=options.in_flight + 32,  # ours refuses first, politely
        graceful_shutdown_timeout_s=DRAIN,
        health_check_period_s=2.0,
        health_check_timeout_s=10.0,
        ray_actor_options={"num_cpus": 1},
        logging_config=_logs(),
        **scale,
    )(serve.ingress()(Replica))
    return replica.bind(_sent(settings), asdict(options), os.environ.get(STORAGE_OPTIONS, ""))


def _logs() -> Any:
    from ray.serve.schema import LoggingConfig

    return LoggingConfig(log_level="WARNING", enable_access_log=False)


class Replica:
    """One process: the service, and the application around it."""

    def __init__(self, settings: Mapping[str, Any], options: Mapping[str, Any], storage_options: str) -> None:
        from ray import serve

        from invplat.serve import service

        if storage_options:
            os.environ.setdefault(STORAGE_OPTIONS, storage_options)
        self.asked = Options(**{**options, "replicas": tuple(options["replicas"])})
        name = serve.get_replica_context().replica_id.unique_id
        chosen = service.Options(tuple(self.asked.workloads), self.asked.memory, shadow=self.asked.shadow)
        self.service = service.Service(_received(settings), chosen, name=name).start()
        gc.collect()
        gc.freeze()  # nets and tables stay: the collector need not walk through them between two requests
        gc.set_threshold(20_000, 50, 1_000)

    def __serve_build_asgi_app__(self) -> Any:
        from invplat.serve.app import application
        from invplat.serve.limits import Limits

        limits = Limits(self.asked.rate, int(2 * self.asked.rate), in_flight=self.asked.in_flight)
        return application(self.service, limits)

    def check_health(self) -> None:
        if not self.service.ready:
            raise InvplatError("not ready")

    def __del__(self) -> None:
        service = getattr(self, "service", None)
        if service is not None:
            service.close()


def _sent(settings: Settings) -> dict[str, Any]:
    return {
        "home": str(settings.home),
        "database_url": settings.database_url,
        "storage_url": settings.storage_url,
        "address": settings.address,
    }


def _received(sent: Mapping[str, Any]) -> Settings:
    return Settings(**{**sent, "home": Path(sent["home"])})


def _deployed(settings: Settings, options: Options, address: str | None) -> Deployed:
    """Once it answers from outside. On a cluster Serve has said that it is healthy; whether its port can be reached
    from here is the network's to say."""
    here = "127.0.0.1" if address is None else _host(address)
    host = here if options.host in ("0.0.0.0", "::") else options.host
    url = f"http://{f'[{host}]' if ':' in host else host}:{options.port}"
    until = time.monotonic() + (HEALTHY_WITHIN if address is None else NEAR_WITHIN)
    trouble = ""
    while time.monotonic() < until:
        try:
            with urlopen(f"{url}/healthz", timeout=5) as answer:
                json.loads(answer.read())
            break
        except (OSError, ValueError) as error:
            trouble = str(error)
        time.sleep(0.2)
    else:
        if address is None:
            raise InvplatError(
                f"the deployment does not answer at {url} within {HEALTHY_WITHIN:.0f} seconds: {trouble}", hint=LOGS
            )
    with closing(Database(settings.database_url)) as database:
        return Deployed(url, len(tenants.names(database)), options.replicas[0])


def _host(address: str) -> str:
    """Of the cluster's head, as it was named; this machine's own Ray is here."""
    named = address.removeprefix("ray://").rpartition(":")[0].strip("[]")
    return named or "127.0.0.1"


def _hush() -> None:
    """In this process Serve says no more than what went wrong."""
    logging.getLogger("ray.serve").setLevel(logging.ERROR)


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))
