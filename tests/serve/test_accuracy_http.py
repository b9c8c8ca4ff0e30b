"""GET accuracy: always an answer, with what the last look found and the series that are far off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from invplat.registry.database import Database
from tests.evaluate.test_misses import Kept
from tests.serve.house import MINE, House, opened, problem, service_in
from tests.transfer.firms import firms_in, typed

AT = f"/v1/tenants/{MINE}/accuracy"


@pytest.fixture
def home(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    firms_in(tmp_path / "home", tmp_path_factory)
    return tmp_path / "home"


@pytest.fixture
def house(home: Path) -> Iterator[House]:
    with opened(service_in(home)) as found:
        yield found


def test_where_nobody_has_looked_and_nothing_was_said(house: House) -> None:
    said = house.get(AT).json()
    assert said == {
        "tenant": MINE,
        "looked": None,
        "findings": [],
        "accuracy": {},
        "weeks": [],
        "off": [],
        "off_in_all": 0,
    }
    problem(house.get(AT, "other"), 403)


def test_findings_weeks_and_series_far_off(house: House, home: Path) -> None:
    with closing(Database(house.service.settings.database_url)) as database:
        kept = Kept(database, house.service.storage)
        kept.say({kept.best: 4.0})
    typed(home, "monitor", MINE, "--today", kept.end.isoformat())
    said = house.get(AT).json()
    assert said["looked"] == kept.end.isoformat()
    assert [one["sku"] for one in said["off"]] == [kept.panel.skus[kept.best]]
    assert said["off"][0]["off"] == pytest.approx(-0.75)
    assert said["off_in_all"] == 1
    assert {"week", "wape", "naive_wape", "coverage", "promised"} <= set(said["weeks"][-1])
    latest = json.loads(house.service.storage.read(f"tenants/{MINE}/monitor/latest.json"))
    assert said["findings"] == latest["findings"]
