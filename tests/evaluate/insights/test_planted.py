"""What was planted in synthetic businesses is found, and in businesses without mistakes nothing is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from invplat.data.synth import assortment, business
from invplat.data.synth.world import make_world
from invplat.evaluate.insights.findings import insights
from invplat.evaluate.insights.insight import Insight
from tests.evaluate.insights.made import from_files

SIZES: dict[str, Any] = {"tenants": 3, "stores": 4, "skus": 45, "days": 500}
JUDGED = ("dead", "suppliers", "transfers")


def found(root: Path, tenant: str) -> dict[str, Insight]:
    return {one.name: one for one in insights(from_files(root / tenant, root / "world" / tenant), only=JUDGED)}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[list[dict[str, Any]], dict[str, Insight]]]:
    """What is true of each business, and what was found."""
    root = tmp_path_factory.mktemp("planted")
    told = make_world(root / "world", **SIZES, seed=7)
    return [(traits["insights"], found(root, tenant)) for tenant, traits in told["tenants"].items()]


def kind(truth: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [one for one in truth if one["kind"] == name]


def test_all_dead_stock_is_found_and_nothing_living_is_called_dead(planted: Any) -> None:
    for truth, said in planted:
        dead = {(store, one["sku"]) for one in kind(truth, "dead_stock") for store in one["stores"]}
        assert dead
        assert set(said["dead"].rows.select("store", "sku").rows()) == dead


def test_the_unreliable_supplier_is_found_and_no_other_is_called_so(planted: Any) -> None:
    for truth, said in planted:
        rows = said["suppliers"].rows
        (bad,) = kind(truth, "unreliable_supplier")
        assert rows.filter("unreliable")["supplier"].to_list() == [bad["supplier"]]
        assert rows.filter("unreliable")["costs_a_year"].item() > 0
        assert bad["supplier"] in said["suppliers"].sentence
        assert len(rows) >= 3


def test_every_planted_imbalance_is_found_and_hardly_any_other(planted: Any) -> None:
    count = 0
    for truth, said in planted:
        imbalances = {(one["sku"], one["too_much"], one["too_little"]) for one in kind(truth, "imbalance")}
        rows = set(said["transfers"].rows.select("sku", "from", "to").rows())
        assert imbalances <= rows
        # a shelf can be empty for long by bad luck, beside a full one that was planted
        assert len(rows - imbalances) <= 1
        count += len(imbalances)
    assert count >= 5


def test_in_a_business_without_mistakes_nothing_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suppliers, lives = business._suppliers, assortment._lives

    def steady(rng: np.random.Generator, count: int) -> tuple[business.Supplier, ...]:
        return tuple(replace(one, extra=2.0, dispersion=0.1, reliable=True) for one in suppliers(rng, count))

    def undying(rng: np.random.Generator, skus: int, days: int) -> tuple[Any, Any, Any]:
        launch, finish, _ = lives(rng, skus, days)
        return launch, finish, np.full(skus, days)

    monkeypatch.setattr(business, "_suppliers", steady)
    monkeypatch.setattr(assortment, "_lives", undying)
    monkeypatch.setattr(business, "_mistakes", lambda *facts: (np.ones(facts[4].shape), ()))
    for tenant in make_world(tmp_path / "world", **SIZES, seed=3)["tenants"]:
        said = found(tmp_path, tenant)
        assert said["dead"].rows.is_empty()
        assert not said["suppliers"].rows["unreliable"].any()
        assert said["transfers"].rows.is_empty()
        assert [one.money.amount for one in said.values()] == [0.0, 0.0, 0.0]
