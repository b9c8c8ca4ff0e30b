"""Models to prune, a prune of them, and what is left."""

from __future__ import annotations

from typing import Any

from invplat.registry import aliases, models, prune, versions
from invplat.registry.prune import Rule
from invplat.registry.versions import Version
from tests.registry.conftest import Registry
from tests.registry.made import apart

NEWEST = Rule(keep=1)


def kept(shop: Registry, count: int, name: str = "mlp", tenant: str | None = "shop", **facts: Any) -> list[Version]:
    return [
        versions.keep(shop.database, shop.storage, tenant, name, apart(number), **facts)
        for number in range(1, count + 1)
    ]


def pruned(shop: Registry, rule: Rule = NEWEST, tenant: str | None = "shop") -> prune.Pruned:
    return prune.prune(shop.database, shop.storage, tenant, rule, actor="test")


def numbers(shop: Registry, name: str = "mlp", tenant: str | None = "shop") -> list[int]:
    """Of the rows; the bundles are the same."""
    rows = [one.number for one in versions.of_tenant(shop.database, tenant, name)]
    assert models.versions(shop.storage, tenant, name) == rows
    return rows


def promoted(shop: Registry, model: Version, expected: Version | None = None, tenant: str | None = "shop") -> None:
    before = expected and expected.id
    aliases.promote(shop.database, tenant, "mlp", model.id, expected=before, actor="test")
