"""What a business reads of itself: its model, series, history, insights, figures, and why a forecast is what it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import numpy as np
import pytest
import sqlalchemy as sa

from invplat.data.assemble import build_panel
from invplat.data.dataset import Dataset
from invplat.evaluate.insights.findings import FINDERS
from invplat.registry import tenants
from tests.serve.house import MINE, House, opened, problem, service_in
from tests.transfer.firms import firms_in, typed

AT = f"/v1/tenants/{MINE}"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    home = tmp_path_factory.mktemp("reading") / "home"
    firms_in(home, tmp_path_factory)
    typed(home, "finetune", "submit", MINE, "tenant-0001", "--in-process", "--epochs", 1)
    with opened(service_in(home)) as found:
        yield found


@pytest.fixture(scope="module")
def one(house: House) -> tuple[str, str]:
    series = house.get(f"{AT}/series?limit=1").json()["series"][0]
    return series["store"], series["sku"]


def test_model(house: House) -> None:
    said = house.get(f"{AT}/model").json()
    assert said["workload"] in ("mlp", "seasonal_naive")
    assert said["verdict"]["decision"] in said["verdict"]["figures"]
    assert said["verdict"]["reason"]
    assert set(said["aliases"]) == {"champion", "challenger", "previous"}
    assert said["aliases"]["champion"].endswith(said["reference"])
    (version,) = [each for each in said["versions"] if each["reference"] == "mlp@1"]
    assert version["reason"] == said["verdict"]["reason"]
    assert version["error"] == pytest.approx(said["verdict"]["figures"]["candidate"]["wape"])
    assert "tenant-0001" not in str(said)


def test_a_business_without_a_model_of_its_own(house: House) -> None:
    said = house.get("/v1/tenants/tenant-0002/model", "admin")
    if said.status_code == 404:  # nothing was promoted for it, and there is no champion among the bases
        assert "no model" in problem(said, 404)["detail"]


def test_series(house: House) -> None:
    said = house.get(f"{AT}/series").json()
    assert said["count"] == len(said["series"]) == 6
    first = said["series"][0]
    assert set(first) == {"store", "sku", "name", "category"}
    found = house.get(f"{AT}/series", params={"search": first["name"].upper()}).json()
    assert first in found["series"]
    found = house.get(f"{AT}/series", params={"category": first["category"], "store": first["store"]}).json()
    assert first in found["series"]
    assert house.get(f"{AT}/series?limit=2").json()["count"] == 6
    assert house.get(f"{AT}/series", params={"search": "'; DROP TABLE--"}).json() == {"count": 0, "series": []}


def test_history_is_the_panels(house: House, one: tuple[str, str]) -> None:
    store, sku = one
    said = house.get(f"{AT}/history", params={"store": store, "sku": sku, "periods": 30}).json()
    panel = build_panel(Dataset.open(house.service.storage, MINE), store)
    row = panel.skus.index(sku)
    assert said["dates"] == [str(day) for day in panel.dates[-30:]]
    for place, value in enumerate(said["demand"]):
        step = panel.timeline.length - 30 + place
        assert (value is None) == (not panel.observed[row, step])
        assert value is None or value == pytest.approx(float(panel.demand[row, step]), abs=1e-4)
    known = panel.column("stock_known")[row, -30:] > 0
    assert [value is not None for value in said["on_hand"]] == known.tolist()
    assert np.allclose([value for value in said["on_hand"] if value is not None],
                       panel.column("on_hand")[row, -30:][known])  # fmt: skip
    assert said["censored"] == panel.censored[row, -30:].tolist()
    assert len({len(said[name]) for name in ("dates", "demand", "on_hand", "price", "promotion", "censored")}) == 1


def test_names_that_there_are_not(house: House, one: tuple[str, str]) -> None:
    store, sku = one
    said = problem(house.get(f"{AT}/history", params={"store": store, "sku": sku.lower()}), 404)
    assert said["near"][0] == sku
    said = problem(house.get(f"{AT}/history", params={"store": store[:-1], "sku": sku}), 404)
    assert said["near"] == [store]
    for odd in ("../../x", "\0", "<script>", "x" * 200, "%2e%2e", "é" * 50):
        problem(house.get(f"{AT}/history", params={"store": odd, "sku": sku}), 404)
        problem(house.get(f"{AT}/history", params={"store": store, "sku": odd}), 404)
        problem(house.post(f"{AT}/explain", "read", json={"store": store, "sku": odd}), 404)
    problem(house.get(f"{AT}/history", params={"store": store, "sku": "x" * 201}), 422)
    problem(house.get(f"{AT}/history", params={"store": store, "sku": sku, "periods": 0}), 422)
    problem(house.get(f"{AT}/history", params={"store": store}), 422)
    said = problem(house.get(f"{AT}/insights?only=deat"), 404)
    assert said["near"] == ["dead"]


def test_insights_are_found_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    first = house.get(f"{AT}/insights").json()
    assert {each["name"] for each in first["insights"]} == set(FINDERS)

    def again(*_: object) -> None:
        raise AssertionError("found out twice")

    monkeypatch.setattr("invplat.serve.routes.insights.found_in", again)
    assert house.get(f"{AT}/insights").json() == first
    few = house.get(f"{AT}/insights?only=stockouts&only=dead&rows=1").json()["insights"]
    assert {each["name"] for each in few} == {"stockouts", "dead"}
    assert all(len(each["rows"]) <= 1 for each in few)


def test_what_drives_a_forecast(house: House, one: tuple[str, str]) -> None:
    store, sku = one
    answer = house.post(f"{AT}/explain", "read", json={"store": store, "sku": sku, "step": 1})
    model = house.get(f"{AT}/model").json()
    if model["workload"] == "seasonal_naive":
        problem(answer, 409)
        return
    (said,) = answer.json()["explanations"]
    total = sum(each["units"] for each in said["drivers"])
    assert said["baseline"] + total == pytest.approx(said["forecast"], rel=0.05)
    assert said["additive"]
    problem(house.post(f"{AT}/explain", "read", json={"store": store, "sku": sku, "step": 300}), 422)
    problem(house.post(f"{AT}/explain", "read", json={"store": store, "sku": sku, "cutoff": "1900-01-01"}), 422)


def test_a_business_without_data(house: House) -> None:
    tenants.ensure(house.service.database, "empty", actor="test")
    for what in ("history?store=a&sku=b", "series", "insights"):
        assert "no data" in problem(house.get(f"/v1/tenants/empty/{what}", "admin"), 404)["detail"]
    problem(house.post("/v1/tenants/empty/finetunes", "admin", json={}), 404)
    assert problem(house.post("/v1/tenants/empty/explain", "admin", json={"store": "a", "sku": "b"}), 404)


def test_while_the_registry_is_down_nobody_waits_long(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs it is a 503 after a moment; what doesn't is answered."""
    asked = house.app.state.asked
    assert asked.database.patience < 5
    monkeypatch.setattr(asked.database, "patience", 0.0)

    def down(*_: object, **__: object) -> None:
        raise sa.exc.OperationalError("select", {}, sqlite3.OperationalError("unable to open /secret/place"))

    monkeypatch.setattr(asked.database, "_once", down)
    for path in ("model", "jobs"):
        answer = house.get(f"{AT}/{path}")
        problem(answer, 503)
        assert answer.headers["retry-after"]
        assert "secret" not in answer.text
    for path in ("series", "insights", "kpis"):
        assert house.get(f"{AT}/{path}").status_code == 200
    assert house.get("/v1/me").status_code == 200
