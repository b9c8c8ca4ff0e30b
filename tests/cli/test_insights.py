from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from click.testing import Result

Invplat = Callable[..., Result]


@pytest.fixture
def shop(invplat: Invplat, tmp_path: Path) -> dict[str, object]:
    """A synthetic business, ingested; what its world says of it."""
    out = tmp_path / "world"
    made = invplat("data", "synth", "--tenants", 1, "--stores", 3, "--skus", 24, "--days", 300, "--out", out, "--json")
    assert made.exit_code == 0, made.output
    taken = invplat("data", "ingest", "--tenant", "shop", out / "tenant-0000", "--json")
    assert taken.exit_code == 0, taken.output
    told: dict[str, object] = json.loads(made.stdout)["tenants"]["tenant-0000"]
    return told


def test_the_owner_is_told_what_was_planted(invplat: Invplat, shop: dict[str, object]) -> None:
    result = invplat("insights", "--tenant", "shop", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["as_of"] == "2025-12-31"
    found = {one["name"]: one for one in told["insights"]}
    truth = shop["insights"]
    assert isinstance(truth, list)
    dead = {(one["sku"], store) for one in truth if one["kind"] == "dead_stock" for store in one["stores"]}
    assert {(row["sku"], row["store"]) for row in found["dead"]["rows"]} == dead
    (late,) = (one["supplier"] for one in truth if one["kind"] == "unreliable_supplier")
    assert [row["supplier"] for row in found["suppliers"]["rows"] if row["unreliable"]] == [late]
    moves = {(one["sku"], one["too_much"], one["too_little"]) for one in truth if one["kind"] == "imbalance"}
    assert moves <= {(row["sku"], row["from"], row["to"]) for row in found["transfers"]["rows"]}


def test_people_get_a_page_and_every_row_as_csv(invplat: Invplat, shop: dict[str, object], tmp_path: Path) -> None:
    folder = tmp_path / "rows"
    result = invplat("insights", "--tenant", "shop", "--only", "dead", "--only", "capital", "--csv", folder)
    assert result.exit_code == 0, result.output
    assert "Dead stock" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 100
    assert sorted(path.name for path in folder.iterdir()) == ["capital.csv", "dead.csv"]
    dead = pl.read_csv(folder / "dead.csv")
    told = json.loads(invplat("insights", "--tenant", "shop", "--only", "dead", "--json").stdout)["insights"][0]
    assert len(dead) == told["rows_in_all"] == len(told["rows"])
    assert dead["worth"].sum() == pytest.approx(told["money"]["amount"])


def test_what_is_assumed_can_be_set(invplat: Invplat, shop: dict[str, object]) -> None:
    def capital(*options: object) -> float:
        result = invplat("insights", "--tenant", "shop", "--only", "capital", "--json", *options)
        assert result.exit_code == 0, result.output
        amount: float = json.loads(result.stdout)["insights"][0]["money"]["amount"]
        return amount

    assert capital("--holding-rate", 0.5) == pytest.approx(2 * capital("--holding-rate", 0.25))
    assert capital("--as-of", "2025-09-30") != capital()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--only", "ded"), "did you mean dead"),
        (("--as-of", "1999-01-01"), "begin on"),
        (("--margin", "2"), "margin"),
        (("--as-of", "yesterday"), "as-of"),
        (("--version", "9"), "version 9"),
    ],
)
def test_a_person_s_mistake_ends_with_two_and_a_hint(
    invplat: Invplat, shop: dict[str, object], options: tuple[str, ...], says: str
) -> None:
    result = invplat("insights", "--tenant", "shop", *options)
    assert result.exit_code == 2
    assert says in result.stderr
    assert "Traceback" not in result.stderr


def test_a_tenant_without_a_dataset_is_told_how_to_make_one(invplat: Invplat) -> None:
    result = invplat("insights", "--tenant", "nobody")
    assert result.exit_code == 2
    assert "data ingest" in result.stderr
