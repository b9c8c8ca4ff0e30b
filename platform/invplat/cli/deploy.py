"""`invplat deploy`."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from invplat.cli.output import Output, common, pass_output

if TYPE_CHECKING:
    from invplat.cli.running import Claim
    from invplat.serve.deployment import Deployed, Options


@click.command("deploy")
@click.option("--host", metavar="HOST", help="Who may reach it: this machine alone, or 0.0.0.0 [127.0.0.1].")
@click.option("--port", type=click.IntRange(0, 65535), metavar="N", help="0: any that is free [8000].")
@click.option("--replicas", metavar="A..B", help="Processes that answer, as many as the load needs [1].")
@click.option("--workload", multiple=True, metavar="NAME", help="Serve only champions of this; repeatable [all].")
@click.option("--haproxy/--no-haproxy", default=None, help="Through HAProxy, which is faster, or Ray's own proxy.")
@click.option("--memory", metavar="SIZE", help="For businesses kept at hand in each replica [1GiB].")
@click.option("--in-flight", type=click.IntRange(min=1), metavar="N", help="Requests at once; more get 429 [256].")
@click.option("--rate", type=click.FloatRange(0, min_open=True), metavar="N", help="Requests a second and key [200].")
@click.option(
    "--shadow", type=click.FloatRange(0, 1), metavar="SHARE", help="Of the series, for which challengers are asked [1]."
)
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="TOML with these by name; flags win.",
)
@click.option("--key-for", metavar="TENANT", help="Make a key for this business, and print it.")
@click.option("--once", is_flag=True, help="Try every business once, then stop.")
@common
@pass_output
def command(
    output: Output,
    host: str | None,
    port: int | None,
    replicas: str | None,
    workload: tuple[str, ...],
    haproxy: bool | None,
    memory: str | None,
    in_flight: int | None,
    rate: float | None,
    shadow: float | None,
    config: Path | None,
    key_for: str | None,
    once: bool,
) -> None:
    """Serve every business's forecasts and orders over HTTP, by its champion or else by the base, and a page at /.

    It stays until Ctrl-C. New champions are taken up while it runs. With --address it is handed to that cluster, and
    goes on there until invplat undeploy.

    \b
    Examples:
      invplat deploy --key-for corner-shop
      invplat deploy --replicas 1..4 --host 0.0.0.0 --port 80 --config serve.toml
    """
    from invplat.cli import deploying, running

    given = {
        "host": host,
        "port": port,
        "replicas": replicas,
        "workload": workload,
        "haproxy": haproxy,
        "memory": memory,
        "in_flight": in_flight,
        "rate": rate,
        "shadow": shadow,
    }
    options = deploying.options(given, config)
    settings = output.settings
    note: AbstractContextManager[Claim | None] = (
        running.claimed(settings.home) if settings.address is None else nullcontext()
    )
    with note as claim, _port(options, claim) as held, ended() as told:
        _serve(output, replace(options, port=held), claim, told, key_for, once)


def _port(options: Options, claim: Claim | None) -> AbstractContextManager[int]:
    """Before a key is made and Ray started, of which each takes its time."""
    from invplat.serve import front

    return front.held(options.host, options.port) if claim is not None else nullcontext(options.port)


def _serve(output: Output, options: Options, claim: Claim | None, told: Told, key_for: str | None, once: bool) -> None:
    from invplat.serve import deployment

    settings = output.settings

    def note(text: str) -> None:
        output.note(text)
        told.listen()  # once more: Ray takes the signals for itself, and ends with neither grace nor an answer

    with (
        _key(output, key_for, keep=not once) as key,
        deployment.deploy(settings, options, address=settings.address, told=note) as deployed,
    ):
        stays = claim is not None and not once
        told.listen(gently=stays)
        if claim is not None:
            claim.serves(deployed.url, pages=deployed.pages, tenants=deployed.tenants, replicas=deployed.replicas)
        content = {
            "url": deployed.url,
            "pages": deployed.pages,
            "tenants": deployed.tenants,
            "replicas": deployed.replicas,
            **({"tenant": key_for, "key": key} if key else {}),
        }
        if once:
            _tried(output, content, deployed)
        else:
            output.result(content, table=lambda: _show(output, deployed, key_for, key))
            if stays:
                output.note("Ctrl-C stops it")
        sys.stdout.flush()  # whoever reads it through a pipe waits for the address
        if stays:
            told.wait()
        elif not once:
            output.note("it goes on there; stop it: invplat undeploy --address " + str(settings.address))
    if claim is not None:
        output.note("it has stopped")


def _tried(output: Output, content: dict[str, Any], deployed: Deployed) -> None:
    """Every business asked through the client, as its own programs would."""
    from invplat.cli import trying

    with output.database() as database:
        checks = trying.every(database, deployed.url, deployed.pages)
    rows = [(one.what, one.tenant, one.took, one.said) for one in checks]

    def draw() -> None:
        output.table(rows, ("asked", "tenant", "s", "answer"))

    listed = [{"asked": one.what, "tenant": one.tenant, "seconds": one.took, "answer": one.said} for one in checks]
    output.result({**content, "checks": listed}, table=draw)


@contextmanager
def _key(output: Output, tenant: str | None, *, keep: bool) -> Iterator[str | None]:
    """Made before anything starts, so that a slip in the name costs nothing; taken back where nothing was served."""
    if tenant is None:
        yield None
        return
    from invplat.registry import audit, keys

    with output.database() as database:
        made, secret = keys.create(
            database, tenant, (keys.READ, keys.WRITE), label="invplat deploy", actor=audit.person()
        )
        try:
            yield secret
        except BaseException:
            keep = False
            raise
        finally:
            if not keep:
                keys.revoke(database, tenant, made.id, actor=audit.person())


def _show(output: Output, deployed: Deployed, key_for: str | None, key: str | None) -> None:
    from invplat.core.page.wording import plural

    tenant = key_for or _somebody(output) or "TENANT"
    businesses = plural(deployed.tenants, "business", "businesses")
    click.echo(f"{businesses} at {deployed.url}, the page at {deployed.pages}")
    if key:
        click.echo(f"a key for {tenant}, told only now:\n  export INVPLAT_KEY={key}")
    else:
        output.note(f"a key: invplat tenant key create {tenant}, then export INVPLAT_KEY=…")
    click.echo("try it:")
    click.echo(f"  {curl(deployed.url, tenant)}")
    click.echo(f"  invplat query orders {tenant}")


def curl(url: str, tenant: str) -> str:
    return (
        f'curl -s {url}/v1/tenants/{tenant}/forecasts -H "Authorization: Bearer $INVPLAT_KEY" '
        """-H 'Content-Type: application/json' -d '{"by": "total", "horizon": 7}'"""
    )


def _somebody(output: Output) -> str | None:
    from invplat.registry import tenants

    with output.database() as database:
        return next(iter(tenants.names(database)), None)


class Told:
    """Ctrl-C and SIGTERM: an interruption while it starts; once it is up, gently, a wish to end that is waited for."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._gently = False

    def listen(self, *, gently: bool | None = None) -> None:
        """None: as before."""
        self._gently = self._gently if gently is None else gently
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, self._hear)

    def wait(self) -> None:
        self._event.wait()

    def _hear(self, number: int, frame: object) -> None:
        if not self._gently:
            raise KeyboardInterrupt
        if self._event.is_set() and number == signal.SIGINT:  # again: a second SIGTERM hastens nothing
            raise KeyboardInterrupt
        self._event.set()


@contextmanager
def ended() -> Iterator[Told]:
    here = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)} if here else {}
    told = Told()
    told.listen()
    try:
        yield told
    except SystemExit:  # Ray's own answer to SIGTERM, while it starts
        raise KeyboardInterrupt from None
    finally:
        for number, handler in before.items():
            with suppress(TypeError):  # one that was not set from Python
                signal.signal(number, handler)
