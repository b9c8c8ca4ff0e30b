"""`invplat models prune`: what would go, what stays and why, and that it asks before it removes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from invplat.registry import models, shared
from invplat.registry.models import keep
from invplat.storage import FolderStorage, Storage, open_storage
from tests.registry.made import apart

SHOP = ("--tenant", "shop")


def said(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def filled(invplat: Callable[..., Result], storage: Storage) -> Storage:
    """Two businesses of four versions each, the first of each its champion; and a base of four."""
    for name in ("shop", "other"):
        said(invplat("tenant", "add", name, "--json"))
        for number in range(4):
            keep(storage, name, "mlp", apart(number))
        said(invplat("models", "promote", "mlp@1", "--tenant", name, "--json"))
    for number in range(4):
        keep(storage, None, "trunk", apart(number))
    return storage


@pytest.fixture
def storage(invplat: Callable[..., Result], home: Path) -> Storage:
    return filled(invplat, open_storage(str(home / "storage")))


def there(storage: Storage, tenant: str | None = "shop", name: str = "mlp") -> list[int]:
    return models.versions(storage, tenant, name)


def test_a_dry_run_says_what_would_go(invplat: Callable[..., Result], storage: Storage) -> None:
    found = said(invplat("models", "prune", *SHOP, "--keep", 2, "--dry-run", "--json"))
    assert [one["model"] for one in found["removed"]] == ["mlp@2"]
    assert found["stays"] == [{"tenant": "shop", "model": "mlp@1", "why": "champion of mlp of shop"}]
    assert (found["dry_run"], found["shared"], found["leftovers"]) == (True, [], [])
    assert found["freed_kb"] == found["removed"][0]["size_kb"] > 0
    text = invplat("models", "prune", *SHOP, "--keep", 1, "--dry-run").stdout
    for words in ("mlp@2", "mlp@3", "champion of mlp of shop", "would go: 2 old versions"):
        assert words in text
    assert there(storage) == [1, 2, 3, 4]


def test_it_asks_before_it_removes(invplat: Callable[..., Result], storage: Storage) -> None:
    for words in (SHOP, ("--all",), (*SHOP, "--json")):
        result = invplat("models", "prune", *words, "--keep", 1)
        assert result.exit_code == 2
        assert "old version" in result.stderr
        assert "--yes" in result.stderr
    assert there(storage) == [1, 2, 3, 4]
    assert "gone: 0 old versions" in invplat("models", "prune", *SHOP, "--keep", 9).stdout, "nothing to ask about"


def test_of_one_of_all_or_of_the_bases(invplat: Callable[..., Result], storage: Storage) -> None:
    said(invplat("models", "prune", *SHOP, "--keep", 1, "--yes", "--json"))
    assert there(storage) == [1, 4]
    assert there(storage, "other") == [1, 2, 3, 4]
    every = said(invplat("models", "prune", "--all", "--yes", "--json", "--keep", 2))
    assert [(one["tenant"], one["model"]) for one in every["removed"]] == [("other", "mlp@2")]
    assert there(storage, None, "trunk") == [1, 2, 3, 4]
    bases = said(invplat("models", "prune", "--bases", "--yes", "--json"))
    assert [(one["tenant"], one["model"]) for one in bases["removed"]] == [(None, "trunk@1")]
    assert there(storage, None, "trunk") == [2, 3, 4]
    rows = said(invplat("models", "list", "mlp", *SHOP, "--json"))["models"]
    assert [(one["version"], one["aliases"]) for one in rows] == [(1, ["champion"]), (4, [])]
    deeds = said(invplat("tenant", "show", "shop", "--json"))["audit"]
    assert [one["detail"]["models"].keys() for one in deeds if one["action"] == "model.prune"] == [{"mlp@2", "mlp@3"}]
    refused = invplat("models", "show", "mlp@2", *SHOP)
    assert refused.exit_code == 2
    assert "no version 2" in refused.stderr


def test_only_what_is_older(invplat: Callable[..., Result], storage: Storage) -> None:
    assert not said(invplat("models", "prune", *SHOP, "--keep", 1, "--older-than", 1, "--yes", "--json"))["removed"]
    assert said(invplat("models", "prune", *SHOP, "--keep", 1, "--older-than", 0, "--yes", "--json"))["removed"]


def test_what_nobody_shares_any_more_goes_too(
    invplat: Callable[..., Result], storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = keep(storage, "shop", "alone", apart(1, trunk=7))
    keep(storage, "shop", "alone", apart(2))
    monkeypatch.setattr(shared, "YOUNG", -60.0)
    words = ("models", "prune", *SHOP, "--keep", 1)
    would = said(invplat(*words, "--dry-run", "--json"))["shared"]
    done = said(invplat(*words, "--yes", "--json"))
    assert done["shared"] == would
    assert len(would) == 1
    assert storage.names(shared.FOLDER) != []
    assert not storage.exists(would[0]["key"])
    assert there(storage, "shop", "alone") == [old + 1]


def test_killed_between_rows_and_bytes_the_same_command_goes_on(
    invplat: Callable[..., Result], storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, left = FolderStorage.remove, [1]

    def remove(self: FolderStorage, prefix: str) -> None:
        if not left[0]:
            raise RuntimeError("killed")
        left[0] -= 1
        really(self, prefix)

    monkeypatch.setattr(FolderStorage, "remove", remove)
    assert invplat("models", "prune", *SHOP, "--keep", 1, "--yes").exit_code == 1
    monkeypatch.setattr(FolderStorage, "remove", really)
    rows = said(invplat("models", "list", "mlp", *SHOP, "--json"))["models"]
    assert [one["version"] for one in rows] == [1, 3, 4], "its seal had gone first; the other was not begun with"
    again = said(invplat("models", "prune", *SHOP, "--keep", 1, "--yes", "--json"))
    assert [one["model"] for one in again["removed"]] == ["mlp@3"]
    assert again["leftovers"] == ["tenants/shop/models/mlp/00000002"]
    assert storage.names("tenants/shop/models/mlp") == ["00000001", "00000004"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "say whose"),
        (("--all", "--bases"), "say whose"),
        (("--tenant", "shop", "--all"), "say whose"),
        (("--tenant", "shpo", "--yes"), "did you mean shop?"),
        (("--tenant", "../shop", "--yes"), "there is no tenant"),
        (("--all", "--keep", 0), "--keep"),
        (("--all", "--keep", "few"), "--keep"),
        (("--all", "--older-than", -1), "--older-than"),
        (("--all", "--older-than", "nan"), "--older-than"),
        (("--all", "--older-than", 1e9), "--older-than"),
    ],
)
def test_mistakes_are_said_without_a_traceback(
    invplat: Callable[..., Result], storage: Storage, words: tuple[Any, ...], told: str
) -> None:
    result = invplat("models", "prune", *words)
    assert result.exit_code == 2
    assert told in result.stderr
    assert "Traceback" not in result.stderr
    assert there(storage) == [1, 2, 3, 4]


def test_on_postgres_and_s3_it_is_the_same(
    invplat: Callable[..., Result], empty_postgres: str, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVPLAT_DATABASE_URL", empty_postgres)
    monkeypatch.setenv("INVPLAT_STORAGE_URL", f"{s3.url}/kept")
    storage = filled(invplat, open_storage(f"{s3.url}/kept"))
    done = said(invplat("models", "prune", "--all", "--keep", 1, "--yes", "--json"))
    assert len(done["removed"]) == 4
    assert [there(storage, name) for name in ("shop", "other")] == [[1, 4], [1, 4]]
    assert said(invplat("models", "list", "mlp", *SHOP, "--json"))["models"][0]["aliases"] == ["champion"]
