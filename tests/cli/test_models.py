"""`invplat models`: what there is, what it is, and the net for other programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from invplat.registry.bundle import SEAL
from invplat.registry.models import keep
from invplat.storage import open_storage
from tests.model.made import fitted

SHOP = ("--tenant", "corner-shop")


@pytest.fixture(scope="module")
def bundle() -> Iterator[Any]:
    return fitted("mlp").model.bundle()


@pytest.fixture
def kept(bundle: Any, home: Path) -> Path:
    """Two versions of one model and one of another; the folder of the first."""
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
    assert said(invplat("models", "list", *SHOP, "--json"))["models"] == []
    assert "has no models" in invplat("models", "list", *SHOP).stdout
