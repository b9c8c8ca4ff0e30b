"""The same page before the service itself: real data, a trained base, jobs in processes of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.serve.browser.conftest import Site, up
from tests.transfer.firms import typed

SHOP = "tenant-0000"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
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
    with up(app) as address:
        yield Site(address, secret)
