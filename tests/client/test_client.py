"""What is sent, what is made of the answer, and what is never said."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator
from datetime import date
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from invplat.client import Client, NoAnswer, ServerSaid
from invplat.client.words import ARROW, stream
from invplat.core.errors import FigureRefused, InvplatError, NameRefused, SettingRefused
from tests.client import service as play
from tests.client.service import Service

KEY = "ivp_0123456789abcdef_" + "s" * 43
ANSWER = pa.table({"store": ["a", "b"], "sku": ["x", "y"], "mean": [[1.0, 2.0], [3.0, 4.0]]})


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    with Client(service.url, KEY, patience=5) as made:
        yield made


def test_a_request_says_what_was_given_and_nothing_else(client: Client, service: Service) -> None:
    client.forecasts("shop", series=[("berlin", "milk")], horizon=np.int64(7), as_of=date(2024, 5, 1), by="sku")
    (seen,) = service.seen
    assert (seen.method, seen.path) == ("POST", "/v1/tenants/shop/forecasts")
    assert seen.headers["Authorization"] == f"Bearer {KEY}"
    assert seen.headers["Content-Type"] == "application/json"
    assert json.loads(seen.body) == {
        "series": [{"store": "berlin", "sku": "milk"}],
        "horizon": 7,
        "as_of": "2024-05-01",
        "by": "sku",
    }


def test_names_of_any_letters_arrive(client: Client, service: Service) -> None:
    names = ["Käse 🧀", "a\nb", "' OR 1=1 --", "<b>"]
    client.orders("shop", series=[("s", name) for name in names], what_if={"promotion": True})
    assert [one["sku"] for one in json.loads(service.seen[0].body)["series"]] == names


def test_items_say_more_of_themselves_and_terms_hold_for_the_rest(client: Client, service: Service) -> None:
    milk = {"store": "berlin", "sku": "milk", "on_hand": 3}
    client.orders("shop", series=[milk, ("berlin", "tea")], review=7, lead_time=None, budget=100, only_orders=True)
    client.orders("shop", series=[("berlin", "tea")])
    assert [json.loads(one.body) for one in service.seen] == [
        {
            "items": [milk, {"store": "berlin", "sku": "tea"}],
            "budget": 100,
            "only_orders": True,
            "defaults": {"review": 7},
        },
        {"series": [{"store": "berlin", "sku": "tea"}]},
    ]


def test_the_business_is_the_key_s_own(client: Client, service: Service) -> None:
    service.first(play.json_of({"tenant": "corner-shop", "scopes": ["tenant:read"]}))
    client.model()
    client.kpis(store="berlin", first=date(2024, 1, 1), all=True)
    assert [one.path for one in service.seen] == [
        "/v1/me",
        "/v1/tenants/corner-shop/model",
        "/v1/tenants/corner-shop/kpis?store=berlin&first=2024-01-01&all=true",
    ]


def test_an_administrator_must_say_which(client: Client, service: Service) -> None:
    service.first(play.json_of({"tenant": None, "scopes": ["admin"]}))
    with pytest.raises(SettingRefused, match="administrator"):
        client.model()


def test_jobs_have_their_own_addresses(client: Client, service: Service) -> None:
    client.finetune("shop", epochs=3)
    client.jobs("shop", limit=5)
    client.job("1f0c")
    client.stop("1f0c")
    client.history("shop", store="a b", sku="c/d", periods=3)
    assert [(one.method, one.path) for one in service.seen] == [
        ("POST", "/v1/tenants/shop/finetunes"),
        ("GET", "/v1/tenants/shop/jobs?limit=5"),
        ("GET", "/v1/jobs/1f0c"),
        ("POST", "/v1/jobs/1f0c/stop"),
        ("GET", "/v1/tenants/shop/history?store=a+b&sku=c%2Fd&periods=3"),
    ]
    assert json.loads(service.seen[0].body) == {"epochs": 3}


@pytest.mark.parametrize("name", ["..", "a/b", "", "a?b", "Ä", "a\r\nb"])
def test_a_name_never_becomes_another_path(client: Client, service: Service, name: str) -> None:
    with pytest.raises(NameRefused):
        client.model(name)
    with pytest.raises(NameRefused):
        client.job(name)
    assert service.seen == []


def test_series_as_a_table_travel_as_arrow_with_the_rest_beside_them(client: Client, service: Service) -> None:
    table = pa.table({"store": ["a", "b"], "sku": ["ü", "y"], "on_hand": [3.0, None]})
    taken = pd.concat([pd.DataFrame({"store": ["z"]}), table.to_pandas()], ignore_index=True).iloc[1:]
    for given in (table, table.to_pandas(), taken):
        client.orders("shop", series=given, as_of=date(2024, 5, 1), service=0.95, note="ü\r\nX: y")
    for seen in service.seen:
        assert seen.headers["Content-Type"] == ARROW
        with pa.ipc.open_stream(seen.body) as reader:
            assert reader.read_all().to_pylist() == table.to_pylist()
        said = parse_qs(urlsplit(seen.path).query)["ask"][0]
        assert said.isascii()
        assert json.loads(said) == {"as_of": "2024-05-01", "defaults": {"service": 0.95, "note": "ü\r\nX: y"}}


def test_a_table_without_names_is_refused(client: Client) -> None:
    with pytest.raises(SettingRefused, match="no column store"):
        client.orders("shop", series=pd.DataFrame({"sku": ["a"]}))


@pytest.mark.parametrize("ask", [Client.forecasts, Client.orders])
def test_an_answer_as_a_table(client: Client, service: Service, ask: Callable[..., pa.Table]) -> None:
    whole = stream(ANSWER)
    service.first(lambda handler: handler.say(200, whole[:-8], ARROW), lambda handler: handler.say(200, whole, ARROW))
    assert ask(client, "shop", as_table=True).equals(ANSWER)  # the first one was cut short
    assert [one.headers["Accept"] for one in service.seen] == [ARROW, ARROW]


def test_what_is_no_number_never_leaves(client: Client, service: Service) -> None:
    for value in (float("nan"), np.float64("inf")):
        with pytest.raises(FigureRefused):
            client.orders("shop", budget=value)
    with pytest.raises(SettingRefused, match="object"):
        client.orders("shop", budget=object())
    with pytest.raises(SettingRefused, match="is no series"):
        client.forecasts("shop", series=["ab"])
    assert service.seen == []


def test_one_connection_serves_many_questions(client: Client, service: Service) -> None:
    for _ in range(5):
        client.model("shop")
    assert len({one.port for one in service.seen}) == 1


def test_a_closed_client_says_so(service: Service) -> None:
    with Client(service.url, KEY) as client:
        client.model("shop")
    with pytest.raises(InvplatError, match="closed"):
        client.model("shop")


def test_a_key_is_never_shown(client: Client, service: Service) -> None:
    assert KEY not in repr(client)
    assert KEY not in repr(vars(client))
    for odd in (KEY + "\r\nX: y", KEY + " ", "é" + KEY, ""):
        with pytest.raises(SettingRefused) as raised:
            Client(service.url, odd)
        assert "sss" not in str(raised.value)


def test_a_key_goes_nowhere_else(client: Client, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def moved(handler: play.Handler) -> None:
        handler.say(307, b"", Location="http://127.0.0.1:1/v1?key=hidden")

    service.first(moved)
    with pytest.raises(ServerSaid, match=r"not here but at http://127\.0\.0\.1:1/v1\?key=\*\*\*"):
        client.model("shop")
    assert len(service.seen) == 1


def test_no_netrc_takes_the_key_s_place(
    client: Client, service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    netrc = tmp_path_factory.mktemp("netrc") / "netrc"
    netrc.write_text("default login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    client.model("shop")
    assert service.seen[0].headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "url",
    ["", "localhost:8000", "ftp://a", "http://", "http://a:99999", "http://a b", "http://u:geheim@a", "http://a?k=1"],
)
def test_an_odd_url_is_refused(url: str) -> None:
    with pytest.raises(SettingRefused) as raised:
        Client(url, KEY)
    assert "geheim" not in str(raised.value)


def test_problems_say_which_field(client: Client, service: Service) -> None:
    errors = [{"loc": ["body", "horizon"], "msg": "at least 1"}, {"field": "by", "detail": "no such"}]
    service.first(play.problem(422, {"detail": "the request is not as it should be", "errors": errors}))
    with pytest.raises(ServerSaid) as raised:
        client.forecasts("shop", horizon=0)
    said = raised.value
    assert said.message == "the request is not as it should be (422): horizon: at least 1; by: no such"
    again = pickle.loads(pickle.dumps(said))
    assert (again.message, again.hint, again.status, again.exit_code) == (said.message, said.hint, 422, 2)


def test_what_is_no_problem_document_is_told_all_the_same(client: Client, service: Service) -> None:
    service.first(lambda handler: handler.say(404, b"<html>", "text/html"))
    with pytest.raises(ServerSaid, match=r"Not Found \(404\)"):
        client.model("shop")
    service.first(*[play.nonsense] * 3)
    with pytest.raises(NoAnswer, match="makes no sense"):
        client.model("shop")
    service.first(*[play.json_of([])] * 3)
    with pytest.raises(NoAnswer, match="a list where an object was expected"):
        client.model("shop")
