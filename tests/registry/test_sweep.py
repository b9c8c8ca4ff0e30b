"""What models share goes once nobody names it any more: not while it is young, nor where that can not be told."""

from __future__ import annotations

import pytest

from invplat.registry import models, shared, sweep, versions
from invplat.registry.bundle import SEAL
from invplat.registry.prune import Rule
from invplat.storage import Storage
from tests.registry.conftest import Registry
from tests.registry.made import apart
from tests.registry.pruning import kept, pruned

pytestmark = pytest.mark.usefixtures("fresh")


@pytest.fixture
def aged(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is there is older than a writer can be slow."""
    monkeypatch.setattr(shared, "YOUNG", -60.0)


def trunks(storage: Storage) -> int:
    return len(storage.names(shared.FOLDER))


def test_what_nobody_names_any_more_goes(shop: Registry, aged: None) -> None:
    database, storage = shop.database, shop.storage
    for number in range(4):  # two each
        versions.keep(database, storage, "shop", "mlp", apart(number, trunk=number // 2))
    models.keep(storage, "stranger", "mlp", apart(1, trunk=5))  # of nobody who is registered
    models.keep(storage, None, "mlp", apart(1, trunk=6))
    assert trunks(storage) == 4
    assert sweep.sweep(storage).gone == {}
    would = sweep.found(storage, [models.prefix("shop", "mlp", number) for number in (1, 2)])
    assert len(would.gone) == 1
    pruned(shop, Rule(keep=2))
    swept = sweep.sweep(storage)
    assert swept.gone == would.gone
    assert swept.size > 1000
    assert trunks(storage) == 3
    shared.forget()
    for owner, number in (("shop", 3), ("shop", 4), ("stranger", 1), (None, 1)):
        models.open_bundle(storage, owner, "mlp", number)


def test_what_is_young_stays(shop: Registry) -> None:
    """Its writer is about to seal."""
    shared.put(shop.storage, b"a trunk")
    assert sweep.sweep(shop.storage).gone == {}
    assert trunks(shop.storage) == 1


def test_where_a_seal_can_not_be_read_nothing_goes(shop: Registry, aged: None) -> None:
    kept(shop, 2)
    key = f"{models.prefix('shop', 'mlp', 1)}/{SEAL}"
    shop.storage.write(key, shop.storage.read(key).replace(b'"schema": 2', b'"schema": 9'))  # a newer invplat's
    shop.storage.remove(models.prefix("shop", "mlp", 2))
    swept = sweep.sweep(shop.storage)
    assert (swept.gone, swept.unread) == ({}, [models.prefix("shop", "mlp", 1)])
    assert trunks(shop.storage) == 1


def test_what_is_sealed_while_it_is_swept_is_there(shop: Registry, aged: None, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = shop.storage
    shared.put(storage, apart(1).shared or b"")
    really = storage.remove

    def remove(prefix: str) -> None:
        monkeypatch.setattr(storage, "remove", really)
        models.keep(storage, "shop", "mlp", apart(1))  # finds it there, seals, looks: there it is
        really(prefix)

    monkeypatch.setattr(storage, "remove", remove)
    monkeypatch.setattr(shared, "put", lambda storage, data: shared.File.of(data, "{}.safetensors"))
    assert sweep.sweep(storage).gone == {}
    shared.forget()
    assert models.open_bundle(storage, "shop", "mlp") == apart(1)
