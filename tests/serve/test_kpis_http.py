"""Figures of stock and service over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.serve.house import MINE, House, opened, problem, service_in
from tests.transfer.firms import firms_in

AT = f"/v1/tenants/{MINE}"


@pytest.fixture
def house(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    firms_in(home, tmp_path_factory)
    with opened(service_in(home)) as found:
        yield found


def test_kpis(house: House) -> None:
    said = house.get(f"{AT}/kpis").json()
    (whole,) = said["kpis"]
    assert whole["series"] == 6
    assert len(house.get(f"{AT}/kpis?by=sku").json()["kpis"]) == 6
    last = date.fromisoformat(said["last"])
    month = house.get(f"{AT}/kpis", params={"first": str(last - timedelta(days=27)), "last": str(last)}).json()
    assert month["days"] == 28
    problem(house.get(f"{AT}/kpis", params={"first": str(last), "last": "2000-01-01"}), 422)
    problem(house.get(f"{AT}/kpis?by=moon"), 422)
    problem(house.get(f"{AT}/kpis?first=yesterday"), 422)
    assert house.get(f"{AT}/kpis?first=1900-01-01&last=1900-02-01").status_code in (200, 422)
