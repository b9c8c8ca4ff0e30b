"""`invplat models`: what there is, what it is, and the net for other programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result

from invplat.registry.bundle import SEAL, packed
from invplat.registry.models import keep
from invplat.storage import open_storage
from tests.model.made import fitted

SHOP = ("--tenant", "corner-shop")


@pytest.fixture(scope="module")
def bundle() -> Iterator[Any]:
    return fitted("mlp").model.bundle()


@pytest.fixture
def kept(bundle: Any, home: Path, invplat: Callable[..., Result]) -> Path:
    """Two versions of one model and one of another, as an older invplat kept them; the folder of the first."""
    assert invplat("tenant", "add", "corner-shop").exit_code == 0
    storage = open_storage(str(home / "storage"))
    for name in ("base", "base", "other"):
        keep(storage, "corner-shop", name, bundle)
    return home / "storage" / "tenants" / "corner-shop" / "models" / "base"


def said(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_list_shows_the_newest_of_each_or_every_version_of_one(invplat: Callable[..., Result], kept: Path) -> None:
    found = said(invplat("models", "list", *SHOP, "--json"))["models"]
    assert [(each["name"], each["version"], each["workload"]) for each in found] == [
        ("base", 2, "mlp"),
        ("other", 1, "mlp"),
    ]
    assert found[0]["size_kb"] > 1
    one = said(invplat("models", "list", "base", *SHOP, "--json"))["models"]
    assert [each["version"] for each in one] == [1, 2]
    table = invplat("models", "list", *SHOP).stdout
    assert "base" in table
    assert "mlp" in table


def test_one_damaged_version_does_not_hide_the_others(invplat: Callable[..., Result], kept: Path) -> None:
    (kept / "00000001" / SEAL).write_text("{")
    found = said(invplat("models", "list", "base", *SHOP, "--json"))["models"]
    assert [each["workload"] for each in found] == [None, "mlp"]
    assert "does not say what a bundle consists of" in found[0]["trouble"]
    assert "base@1: " in invplat("models", "list", "base", *SHOP).stderr


def test_show_tells_what_it_is_made_of(invplat: Callable[..., Result], kept: Path) -> None:
    found = said(invplat("models", "show", "base@1", *SHOP, "--json"))
    assert (found["version"], found["workload"], found["params"]["hidden_one"]) == (1, "mlp", 32)
    assert found["lineage"]["seed"] == 0
    assert found["metrics"]["loss"] > 0
    assert said(invplat("models", "show", "base", *SHOP, "--json"))["version"] == 2
    text = invplat("models", "show", "base", *SHOP).stdout
    for word in ("base@2 of corner-shop", "hidden_one", "torch", "loss"):
        assert word in text


def test_what_it_shares_is_told_apart_from_its_own(
    invplat: Callable[..., Result], kept: Path, bundle: Any, home: Path
) -> None:
    parts = replace(bundle, weights=packed({"none": torch.zeros(1)}), shared=bundle.weights)
    keep(open_storage(str(home / "storage")), "corner-shop", "base", parts)
    first, third = (said(invplat("models", "show", f"base@{each}", *SHOP, "--json")) for each in (1, 3))
    assert first["shared_kb"] == 0
    assert third["shared_kb"] == round(len(bundle.weights) / 1000, 1)
    assert third["size_kb"] < first["size_kb"] - third["shared_kb"] + 1
    assert "that others have alike" in invplat("models", "show", "base", *SHOP).stdout
    assert "alike" not in invplat("models", "show", "base@1", *SHOP).stdout


def test_export_writes_the_net_and_its_description(invplat: Callable[..., Result], kept: Path, tmp_path: Path) -> None:
    out = tmp_path / "net.onnx"
    found = said(invplat("models", "export", "base@1", *SHOP, "--out", out, "--json"))
    assert found["largest_difference"] <= 1e-5
    assert found["size_kb"] == round(out.stat().st_size / 1000, 1)
    told = json.loads(Path(found["description"]).read_text())
    assert (told["tenant"], told["name"], told["version"], told["format"]) == ("corner-shop", "base", 1, "onnx")
    assert sorted(path.name for path in tmp_path.glob("net*")) == ["net.onnx", "net.onnx.json"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("show", "bose"), "did you mean base?"),
        (("show", "base@9"), "there are 1, 2"),
        (("show", "base@new"), "write base@1"),
        (("show", "../base"), "is not allowed"),
        (("list", "gone"), "has no model 'gone'"),
        (("promote", "bose"), "did you mean base?"),
        (("promote", "base@9"), "there are 1, 2"),
        (("promote", "base", "other"), "two champions of mlp"),
        (("rollback",), "no champion"),
        (("rollback", "lstm"), "no champion of lstm"),
        (("export", "base", "--out", "x", "--format", "pickle"), "'pickle' is not one of"),
        (("export", "base"), "--out"),
    ],
)
def test_mistakes_are_said_without_a_traceback(
    invplat: Callable[..., Result], kept: Path, words: tuple[str, ...], told: str
) -> None:
    result = invplat("models", *words, *SHOP)
    assert result.exit_code == 2
    assert told in result.stderr
    assert "Traceback" not in result.stderr


def test_an_altered_model_is_not_exported(invplat: Callable[..., Result], kept: Path, tmp_path: Path) -> None:
    weights = next((kept / "00000002").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    result = invplat("models", "export", "base", *SHOP, "--out", tmp_path / "net.onnx")
    assert result.exit_code == 2
    assert "was altered" in result.stderr
    assert not (tmp_path / "net.onnx").exists()


def test_a_tenant_without_models_has_an_empty_list(invplat: Callable[..., Result]) -> None:
    assert invplat("tenant", "add", "corner-shop").exit_code == 0
    assert said(invplat("models", "list", *SHOP, "--json"))["models"] == []
    assert "has no models" in invplat("models", "list", *SHOP).stdout


def test_a_stranger_is_told_who_is_near(invplat: Callable[..., Result], kept: Path) -> None:
    for words in (
        ("models", "list"),
        ("models", "show", "base"),
        ("models", "promote", "base"),
        ("models", "rollback"),
    ):
        result = invplat(*words, "--tenant", "corner-shp")
        assert result.exit_code == 2
        assert "did you mean corner-shop?" in result.stderr


def test_what_an_older_invplat_kept_is_registered_when_it_is_seen(invplat: Callable[..., Result], kept: Path) -> None:
    first = said(invplat("models", "list", "base", *SHOP, "--json"))["models"]
    again = said(invplat("models", "list", "base", *SHOP, "--json"))["models"]
    assert [each["id"] for each in first] == [each["id"] for each in again]
    shown = said(invplat("models", "show", "base@1", *SHOP, "--json"))
    assert shown["id"] == first[0]["id"]
    assert Path(shown["where"]) == kept / "00000001"


def test_what_is_damaged_after_it_was_registered_is_shown_as_remembered(
    invplat: Callable[..., Result], kept: Path
) -> None:
    before = said(invplat("models", "show", "base@1", *SHOP, "--json"))
    (kept / "00000001" / SEAL).unlink()
    after = said(invplat("models", "show", "base@1", *SHOP, "--json"))
    assert "never finished" in after["trouble"]
    assert after["params"] == before["params"]


def test_promote_and_rollback_by_hand(invplat: Callable[..., Result], kept: Path) -> None:
    first = said(invplat("models", "promote", "base@1", *SHOP, "--reason", "the first", "--json"))["promoted"]
    assert first == [{"workload": "mlp", "champion": "base@1", "previous": None}]
    second = said(invplat("models", "promote", "base@2", *SHOP, "--json"))["promoted"]
    assert second == [{"workload": "mlp", "champion": "base@2", "previous": "base@1"}]
    rows = said(invplat("models", "list", "base", *SHOP, "--json"))["models"]
    assert [row["aliases"] for row in rows] == [["previous"], ["champion"]]
    assert said(invplat("models", "show", "base@2", *SHOP, "--json"))["aliases"] == ["champion of mlp"]
    back = said(invplat("models", "rollback", *SHOP, "--json"))
    assert (back["champion"], back["previous"]) == ("base@1", "base@2")
    told = said(invplat("tenant", "show", "corner-shop", "--json"))
    deeds = [(deed["action"], deed["detail"]["reason"]) for deed in told["audit"] if deed["action"].startswith("model")]
    assert deeds == [("model.rollback", ""), ("model.promote", ""), ("model.promote", "the first")]


def test_a_base_is_nobody_s_and_may_serve_anybody(
    invplat: Callable[..., Result], kept: Path, bundle: Any, home: Path
) -> None:
    keep(open_storage(str(home / "storage")), None, "trunk", bundle)
    assert [row["name"] for row in said(invplat("models", "list", "--json"))["models"]] == ["trunk"]
    assert "trunk@1 (a base)" in invplat("models", "show", "trunk").stdout
    assert [row["name"] for row in said(invplat("models", "list", *SHOP, "--json"))["models"]] == ["base", "other"]
    promoted = said(invplat("models", "promote", "trunk", "--base", *SHOP, "--json"))["promoted"]
    assert promoted[0]["champion"] == "base trunk@1"
    assert invplat("models", "promote", "trunk", *SHOP).exit_code == 2, "it is not the shop's own"


def test_train_registers_what_it_keeps_with_its_lineage(
    invplat: Callable[..., Result], home: Path, tmp_path: Path
) -> None:
    world = tmp_path / "world"
    invplat("data", "synth", "--tenants", 1, "--stores", 2, "--skus", 6, "--days", 200, "--out", world)
    added = invplat("tenant", "add", "shop", "--data", world / "tenant-0000", "--json")
    assert added.exit_code == 0, added.stderr
    little = ("--epochs", 1, "--windows", 100, "--spec", "past=14,horizon=7", "--json")
    trained = said(invplat("train", "mlp", "--tenant", "shop", *little))
    shown = said(invplat("models", "show", "mlp", "--tenant", "shop", "--json"))
    assert shown["id"] == trained["id"]
    digest = said(invplat("tenant", "show", "shop", "--json"))["datasets"][0]["digest"]
    assert shown["datasets"] == [{"tenant": "shop", "version": 1, "digest": digest}]
    base = said(invplat("train", "mlp", "--tenant", "shop", "--base", *little))
    assert (base["tenant"], Path(base["where"])) == (None, home / "storage" / "bases" / "mlp" / "00000001")
