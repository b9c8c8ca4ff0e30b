"""Schemathesis over the OpenAPI document: of what it allows and what it doesn't, no answer is a 500 or one untold.

Every route is in the document, so a new one is tried too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, openapi
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from invplat.transfer import jobs_process
from tests.serve.house import FREELY, MINE, House, opened
from tests.transfer.firms import firms_in, typed

EXAMPLES = 12
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
QUICKLY = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Around a real service, as `deploy` would start it."""
    from invplat.core.settings import load_settings
    from invplat.serve.service import Service

    home = tmp_path_factory.mktemp("described") / "home"
    firms_in(home, tmp_path_factory)
    typed(home, "finetune", "submit", MINE, "--in-process", "--epochs", 1)
    service = Service(load_settings({"home": str(home)}, {}))
    with opened(service.start(), FREELY) as found:
        yield found
        service.close()


@pytest.fixture(autouse=True)
def _no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_process, "start", lambda settings, database, job: 0)


def operations(house: House) -> list[Any]:
    load_all_checks()
    schema = openapi.from_dict(house.app.openapi())
    return [found.ok() for found in schema.get_all_operations()]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_answer_is_a_500_or_untold(house: House, mode: GenerationMode) -> None:
    tried: set[str] = set()
    for operation in operations(house):
        strategy = operation.as_strategy(generation_mode=mode)

        @seed(20)
        @QUICKLY
        @given(case=strategy)
        def run(case: Any) -> None:
            if case.method != "DELETE":
                help_out(house, case, mode is GenerationMode.POSITIVE)
            for who in ("write", "admin"):
                sent(house, case, who)
            tried.add(case.operation.label)

        try:
            run()
        except Unsatisfiable:  # nothing about it can be wrong
            assert mode is GenerationMode.NEGATIVE
    if mode is GenerationMode.POSITIVE:
        everything = {f"{method.upper()} {path}" for path, methods in house.app.openapi()["paths"].items()
                      for method in methods}  # fmt: skip
        assert tried == everything


def help_out(house: House, case: Any, everything: bool) -> None:
    """What can't be guessed: names that there are."""
    where = case.path_parameters or {}
    if "tenant" in where:
        where["tenant"] = MINE
    if not everything:
        return
    if "job" in where:
        where["job"] = house.get(f"/v1/tenants/{MINE}/jobs").json()["jobs"][0]["job"]
    known = house.get(f"/v1/tenants/{MINE}/series?limit=1").json()["series"][0]
    for given_there in (case.query, case.body):
        if isinstance(given_there, dict) and {"store", "sku"} <= set(given_there):
            given_there |= {"store": known["store"], "sku": known["sku"]}


def sent(house: House, case: Any, who: str) -> None:
    from schemathesis import Response

    given_words = case.as_transport_kwargs(base_url="http://testserver")
    headers = {**given_words.pop("headers", {}), "Authorization": f"Bearer {house.secrets[who]}"}
    given_words.pop("cookies", None)
    if isinstance(given_words.get("data"), bytes | str):
        given_words["content"] = given_words.pop("data")
    answer = house.client.request(headers=headers, follow_redirects=False, **given_words)
    case.validate_response(Response.from_any(answer), checks=CHECKS)
