"""The same page before the service itself: real data, a trained base, jobs in processes of their own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.serve.browser.conftest import Site
from tests.transfer.firms import typed

SHOP = "tenant-0000"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    import uvicorn

    from invplat.core.settings import load_settings
    from invplat.registry import keys
    from invplat.serve.app import application
    from invplat.serve.limits import Limits
    from invplat.serve.service import Options, Service

    home = tmp_path_factory.mktemp("page")
    world = home / "world"
    typed(
        home, "data", "synth", "--tenants", 2, "--stores", 2, "--skus", 24, "--days", 240, "--seed", 3, "--out", world
    )
    for name in (SHOP, "tenant-0001"):
        typed(home, "tenant", "add", name, "--data", world / name, "--mapping", "generic")
    sizes = ("--epochs", 2, "--windows", 1500, "--spec", "past=28,horizon=14")
    typed(home, "train", "mlp", "--base", "--tenant", "tenant-0001", *sizes)
    service = Service(load_settings({"home": str(home)}, {}), Options(every=0.5)).start()
    _, secret = keys.create(service.database, SHOP, (keys.READ, keys.WRITE), actor="test")
    app = application(service, Limits(rate=0))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", ws="none"))
    ready = threading.Event()
    began = server.startup

    async def startup(*args: Any, **more: Any) -> None:
        await began(*args, **more)
        ready.set()

    server.startup = startup  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert ready.wait(30), "the service did not start"
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Site(f"http://127.0.0.1:{port}", secret)
    server.should_exit = True
    thread.join(20)
