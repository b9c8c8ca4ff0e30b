"""`invplat explain`: a kept model's reasons on a terminal, as JSON and as a picture; a person's mistakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Invplat = Callable[..., Result]


@pytest.fixture
def explain(kept: Path, invplat: Invplat) -> Invplat:
    return lambda *words: invplat("explain", *words, "--tenant", "shop", "--home", kept)


@pytest.fixture(scope="module")
def series(kept: Path) -> tuple[str, str]:
    from invplat.data.assemble import build_panel
    from invplat.data.dataset import Dataset
    from invplat.storage import open_storage

    dataset = Dataset.open(open_storage(str(kept / "storage")), "shop")
    store = dataset.stores[0]
    return store, build_panel(dataset, store).skus[0]


def test_one_forecast_is_explained_from_the_last_day_on(explain: Invplat, series: tuple[str, str]) -> None:
    store, sku = series
    ended = explain("mlp", "--store", store, "--sku", sku)
    assert ended.exit_code == 0, ended.output
    assert f"{store} · {sku}: demand, total of 7 days" in ended.stdout
    assert "the drivers add up" in ended.stdout
    assert "demand 1–7 days ago" in ended.stdout


def test_json_has_the_sum_and_its_parts(explain: Invplat, series: tuple[str, str]) -> None:
    store, sku = series
    ended = explain("mlp@1", "--store", store, "--sku", sku, "--step", 3, "--json")
    assert ended.exit_code == 0, ended.output
    (found,) = json.loads(ended.stdout)["explanations"]
    assert found["additive"]
    assert found["about"] == "demand, day 3 of 7"
    parts = sum(driver["units"] for driver in found["drivers"])
    room = 0.01 * max(abs(found["forecast"] - found["baseline"]), 0.01 * found["forecast"])
    assert parts == pytest.approx(found["forecast"] - found["baseline"], abs=room + 1e-6)


def test_a_whole_model_is_weighed_and_drawn(explain: Invplat, tmp_path: Path) -> None:
    ended = explain("mlp", "--png", tmp_path / "drivers.png")
    assert ended.exit_code == 0, ended.output
    assert "error if mixed up" in ended.stdout
    assert (tmp_path / "drivers.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir() if path.suffix] == ["drivers.png"]


def test_lightgbm_is_learnt_on_the_spot(explain: Invplat, series: tuple[str, str]) -> None:
    store, sku = series
    ended = explain("lightgbm", "--store", store, "--sku", sku, "--json")
    assert ended.exit_code == 0, ended.output
    (found,) = json.loads(ended.stdout)["explanations"]
    assert found["gap"] < 1e-6
    assert found["steps"] == 0


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["mlp", "--store", "S001"], "--store alone names no series", "give both"),
        (["mlp", "--step", "first"], "--step 'first'", "write total"),
        (["mpl"], "no model 'mpl'", "did you mean mlp?"),
        (["mlp@9"], "no version 9", "there are 1"),
        (["mlp", "--store", "S999", "--sku", "x"], "no store 'S999'", "such as"),
        (["mlp", "--store", "S001", "--sku", "NONE"], "has no SKU 'NONE'", "it sells"),
    ],
)
def test_mistakes_are_told(explain: Invplat, words: list[str], message: str, hint: str) -> None:
    ended = explain(*words)
    assert ended.exit_code == 2, ended.output
    assert message in ended.stderr
    assert hint in ended.stderr
    assert "Traceback" not in ended.output
