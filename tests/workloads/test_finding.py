"""Workloads are found by name, in any installed package, and what a dataset lacks is told."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from invplat.core.errors import DatasetError, SettingRefused
from invplat.workload import GROUP, find, installed, lost
from invplat_workloads.mlp import WORKLOAD
from tests.data.memory import memory_dataset, sales

ROOT = Path(__file__).parents[2]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package, as pip would leave it, that brings three workloads; one of them is broken."""
    info = tmp_path / "other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[{GROUP}]\nflattest = other_models:FLAT\nbroken = other_models:NOTHING\ngone = no_such_module:X\n"
    )
    (tmp_path / "other_models.py").write_text("FLAT = 'found'\n")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("package")
def test_a_workload_of_any_package_is_found() -> None:
    assert str(find("flattest")) == "found"
    assert installed()["flattest"] == "other_models:FLAT"


@pytest.mark.usefixtures("package")
def test_an_unknown_name_is_refused_with_the_nearest_and_the_list() -> None:
    with pytest.raises(SettingRefused, match="'flatest' is not installed") as refused:
        find("flatest")
    assert "did you mean flattest" in str(refused.value.hint)
    assert "broken" in str(refused.value.hint)


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("name", ["broken", "gone"])
def test_a_workload_that_does_not_load_says_where_it_should_be(name: str) -> None:
    with pytest.raises(SettingRefused, match=f"{name!r} can't be loaded from"):
        find(name)


def test_all_that_we_declare_is_there_under_its_name() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][GROUP]
    assert {"mlp", "lstm", "gru", "rnn"} <= set(declared)
    for name, place in declared.items():
        module, _, attribute = place.partition(":")
        assert getattr(import_module(module), attribute).name == name


def test_the_contract_is_imported_without_torch() -> None:
    program = (
        "import sys, invplat.workload; print([n for n in ('torch', 'pyarrow', 'polars', 'ray') if n in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_what_a_dataset_lacks_is_told_in_sentences() -> None:
    dataset = memory_dataset({"sales": sales("a", [1, 2, 3], promotion=0)})
    told = lost(WORKLOAD, dataset)
    assert not any("sales.promotion" in sentence for sentence in told)
    assert any(sentence.startswith("without events: holidays") for sentence in told)


def test_a_required_column_is_asked_for() -> None:
    class Needy:
        name = "needy"
        columns = (WORKLOAD.columns[0].__class__("receipts.received_on", "no lead times", required=True),)

    with pytest.raises(DatasetError, match=r"needy needs receipts.received_on, which shop does not have"):
        lost(Needy(), memory_dataset({"sales": sales("a", [1])}))  # type: ignore[arg-type]
