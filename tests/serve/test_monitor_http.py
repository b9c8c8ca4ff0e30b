"""What monitoring found last, over HTTP: as the look kept it, and to nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from invplat.monitor.look import look
from tests.serve.house import MINE, House, opened, problem, service_in
from tests.transfer.firms import firms_in

AT = f"/v1/tenants/{MINE}/monitor"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    home = tmp_path_factory.mktemp("monitored") / "home"
    firms_in(home, tmp_path_factory)
    with opened(service_in(home)) as found:
        yield found


def test_before_a_look_and_after_it(house: House) -> None:
    assert "not been looked at" in problem(house.get(AT), 404)["detail"]
    made = look(house.service.database, house.service.storage, MINE, today=date(2025, 12, 31))
    said = house.get(AT)
    assert said.status_code == 200
    assert said.json() == made.to_dict()
    assert set(said.json()) == set(house.app.openapi()["components"]["schemas"]["Monitoring"]["properties"])
    problem(house.get(AT, "other"), 403)
    problem(house.get(AT, None), 401)
