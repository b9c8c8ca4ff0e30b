"""`train`, `compare` and `evaluate` as people and machines see them, on a small shop ingested from a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.train.shop import shop

Invplat = Callable[..., Result]
SHOP = ("--tenant", "corner-shop")
TINY = ("--params", "hidden_one=25,hidden_two=25", "--spec", "past=14,horizon=14", "--epochs", 2)
NAIVE = ("--models", "seasonal_naive", "--origins", 1)


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "sales.csv"
    tables = [shop(days=200).read("sales", store, ["store", "sku", "date", "quantity"]) for store in ("s1", "s2")]
    lines = [
        f"{row['store']},{row['sku']},{row['date']},{row['quantity']}" for table in tables for row in table.to_pylist()
    ]
    path.write_text("\n".join(["store,sku,date,quantity", *lines]) + "\n")
    return path


@pytest.fixture
def dataset(invplat: Invplat, export: Path) -> None:
    assert invplat("data", "ingest", *SHOP, export).exit_code == 0


def said(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.usefixtures("dataset")
def test_a_base_of_several_businesses_learns_from_openings_too(invplat: Invplat, home: Path, export: Path) -> None:
    assert invplat("data", "ingest", "--tenant", "other-shop", export).exit_code == 0
    found = []
    for words in ((), ("--tenant", "other-shop"), ("--tenant", "other-shop", "--openings", 0)):
        made = said(invplat("train", "mlp", "--base", *SHOP, *words, *TINY, "--json"))
        shown = said(invplat("models", "show", made["model"], "--json"))
        found.append((shown["lineage"].get("openings"), made["windows"]))
    assert [openings for openings, _ in found] == [None, 4, None]
    assert found[1][1] > found[2][1] > found[0][1]


@pytest.mark.usefixtures("dataset")
def test_train_keeps_a_model_that_evaluate_judges(invplat: Invplat, home: Path) -> None:
    made = said(invplat("train", "mlp", *SHOP, *TINY, "--windows", 300, "--json"))
    assert (made["model"], made["past"], made["horizon"]) == ("mlp@1", 14, 14)
    assert set(made["test"]) == {"mlp", "seasonal_naive", "seasonal_naive_year"}
    assert Path(made["where"]).is_dir()
    assert home in Path(made["where"]).parents
    assert any(note.startswith("without sales.price") for note in made["notes"])

    found = said(invplat("evaluate", "mlp", *SHOP, *NAIVE, "--by", "horizon,store", "--json"))
    assert {row["model"] for row in found["tables"]["ours"]["models"]} == {"mlp@1", "seasonal_naive"}
    assert found["notes"][0].startswith("mlp@1 has seen nothing of what it is judged on")
    assert {record["store"] for record in found["by"]["store"]} == {"s1", "s2"}
    assert len(found["by"]["step"]) == 2 * 14
    assert all(Path(path).exists() for path in found["files"])

    told = invplat("evaluate", "mlp@1", *SHOP, "--models", "none", "--origins", 4, "--out", home / "out")
    assert told.exit_code == 0, told.stderr
    assert "has seen sales until" in told.stderr
    assert {path.name for path in (home / "out").iterdir()} >= {"comparison.json", "answers.parquet"}


@pytest.mark.usefixtures("dataset")
def test_train_says_how_it_goes_and_what_came_of_it(invplat: Invplat) -> None:
    told = invplat("train", "mlp", *SHOP, *TINY, "--windows", 300, "--name", "small")
    assert told.exit_code == 0, told.stderr
    assert "epoch 1 of 2  training " in told.stderr
    assert "best " in told.stderr
    assert "seasonal_naive" in told.stdout
    assert "kept as small@1 of corner-shop" in told.stdout


@pytest.mark.usefixtures("dataset")
def test_compare_prints_both_protocols_and_writes_them(invplat: Invplat, home: Path) -> None:
    ask = ("compare", "mlp", *SHOP, *TINY, "--models", "seasonal_naive,ridge", "--origins", 1, "--protocol", "both")
    told = invplat(*ask, "--by", "store", "--out", home / "out")
    assert told.exit_code == 0, told.stderr
    for word in (
        "RMSE",
        "CORR",
        "MAE",
        "RAE",
        "RRSE",
        "MAPE",
        "R2",
        "WAPE",
        "MASE",
        "COV80",
        "hindsight",
        "WAPE by store",
    ):
        assert word in told.stdout
    assert max(len(line) for line in told.stdout.splitlines() if str(home) not in line) <= 100
    content = json.loads((home / "out" / "comparison.json").read_text())
    assert set(content["tables"]) == {"ours", "report"}
    assert content["training"]["mlp"]["best"] >= 1
    assert (home / "out" / "report.parquet").exists()


@pytest.mark.usefixtures("dataset")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("compare", "nope", *SHOP), "installed: "),
        (("compare", "mlp", "--tenant", "nobody"), "tenant nobody has no dataset"),
        (("compare", "mlp", *SHOP, "--models", "seasonal_niave"), "did you mean seasonal_naive?"),
        (("compare", "mlp", *SHOP, "--origins", 40, "--models", "none"), "ask for --origins"),
        (("compare", *SHOP, "--models", "none"), "nothing to compare"),
        (("compare", "mlp", *SHOP, "--holding", -1), "holding = -1"),
        (("compare", "mlp", *SHOP, "--by", "colour"), "no 'colour' to group by"),
        (("train", "mlp", *SHOP, "--params", "hidden_one=33"), "write one of 32"),
        (("train", "mlp", *SHOP, "--params", "hidden_one"), "name=value"),
        (("train", "mlp", *SHOP, "--spec", "horizon=150"), "ask for a horizon of 66 or less"),
        (("train", "mlp", *SHOP, "--spec", "future=3"), "it has past, horizon, quantiles"),
        (("train", "mlp", *SHOP, "--spec", "horizon=soon"), "horizon=28"),
        (("train", "mlp", *SHOP, "--spec", "quantiles=0.1/0.9"), "0.5 among them"),
        (("evaluate", "mlp", *SHOP), "tenant corner-shop has no model 'mlp'"),
        (("evaluate", "mlp@newest", *SHOP), "is no version"),
    ],
)
def test_mistakes_are_told_with_what_to_write_instead(
    invplat: Invplat, words: tuple[object, ...], message: str
) -> None:
    result = invplat(*words)
    assert result.exit_code == 2, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.usefixtures("dataset")
def test_an_interrupted_training_keeps_nothing(invplat: Invplat, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from invplat.train import training

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "learnt", interrupt)
    result = invplat("train", "mlp", *SHOP, *TINY)
    assert result.exit_code == 130
    assert not (home / "storage" / "tenants" / "corner-shop" / "models").exists()


@pytest.mark.usefixtures("dataset")
def test_a_loss_that_is_not_finite_reaches_the_person(invplat: Invplat, monkeypatch: pytest.MonkeyPatch) -> None:
    from invplat.workload import find

    workload = find("mlp")
    monkeypatch.setattr(
        type(workload), "loss", lambda *_: __import__("torch").full((1,), float("nan"), requires_grad=True)
    )
    result = invplat("train", "mlp", *SHOP, *TINY)
    assert result.exit_code == 2
    assert "mlp learnt nothing: the loss was not finite in epoch 1, batch 1" in result.stderr
    assert "smaller learning rate" in result.stderr
