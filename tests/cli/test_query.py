"""`invplat query`: what is asked for each option, what is drawn, what is written, what goes wrong."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pytest
from click.testing import Result
from rich.cells import cell_len

from invplat.cli.query.drawn import draw
from invplat.cli.query.orders import COLUMNS, _row
from tests.cli.deployed import FORECASTS, ORDERS, Shop, serving

Invplat = Callable[..., Result]
STOCK = ("4.0", "0.0", "8.5", "20.0", "10.80")  # on hand, on order, order at, up to, cost
KEY = "ivp_0123456789abcdef_" + "s" * 43


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with serving() as made:
        monkeypatch.setenv("INVPLAT_URL", made.url)
        monkeypatch.setenv("INVPLAT_KEY", KEY)
        yield made


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def asked(shop: Shop) -> Any:
    return shop.asked[-1][2]


def test_a_forecast_is_a_line_a_series(invplat: Invplat, shop: Shop) -> None:
    result = invplat("query", "forecast", "shop")
    assert result.exit_code == 0, result.output
    head, names, _, milk, tea = result.stdout.splitlines()
    assert head == "shop · by mlp@2 · known until 31 May 2024"
    assert names.split("  ")[0] == "store"
    assert "1 Jun 2024 – 3 Jun 2024" in names
    assert milk.split() == ["berlin", "milk", "▁▅█", "6.0", "2.0", "1.0", "3.0"]
    assert tea.split()[2:] == ["█▁▁", "1,000.5", "333.5", "0.0", "0.0"]
    assert "\x1b" not in tea  # no name moves the cursor
    assert len(milk) == len(tea)
    assert shop.asked == [("POST", "/v1/tenants/shop/forecasts", {"by": "series"}, f"Bearer {KEY}")]


def test_without_a_name_it_is_the_key_s_own(invplat: Invplat, shop: Shop) -> None:
    assert invplat("query", "forecast").exit_code == 0
    assert [path for _, path, *_ in shop.asked] == ["/v1/me", "/v1/tenants/shop/forecasts"]


def test_every_option_is_asked_for(invplat: Invplat, shop: Shop) -> None:
    options = ("--store", "a", "--store", "b", "--sku", "x", "--category", "c", "--as-of", "2024-05-01")
    what_if = ("--promotion", "--price-change", "-0.1")
    assert invplat("query", "forecast", "shop", *options, *what_if, "--horizon", 7, "--quantile", 0.9).exit_code == 0
    chosen = {"stores": ["a", "b"], "skus": ["x"], "categories": ["c"], "as_of": "2024-05-01"}
    changed = {"what_if": {"promotion": True, "price_change": -0.1}}
    assert asked(shop) == {**chosen, **changed, "horizon": 7, "quantiles": [0.9], "by": "series"}
    terms = ("--service", 0.98, "--lead-time", 2.5, "--review", 7, "--budget", 100, "--only-orders", "--no-promotion")
    assert invplat("query", "orders", "shop", *options, *terms).exit_code == 0
    assert asked(shop) == {
        **chosen,
        "what_if": {"promotion": False},
        "budget": 100,
        "only_orders": True,
        "defaults": {"service": 0.98, "lead_time": 2.5, "review": 7},
    }


@pytest.mark.parametrize("what", ["forecast", "orders", "kpis", "model"])
def test_json_is_the_answer_as_it_is(invplat: Invplat, shop: Shop, what: str) -> None:
    result = invplat("query", what, "shop", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert found["tenant"] == "shop"
    if what == "forecast":
        assert found == FORECASTS
    assert KEY not in result.output


def test_orders_have_the_most_at_risk_first(invplat: Invplat, shop: Shop) -> None:
    result = invplat("query", "orders", "shop")
    lines = result.stdout.splitlines()
    caviar, milk = lines[3:5]
    assert caviar.split() == ["berlin", "caviar", "12.0", "100%", "1,234.50", *STOCK]
    assert milk.split() == ["berlin", "milk", "12.0", "12%", "7.50", *STOCK, "stockout"]
    assert caviar.index("1,234.50") + 8 == milk.index("7.50") + 4  # under each other
    said = "2 orders of 2 items, 24.0 units, for 21.60, 1,242.00 at risk, 21.60 of 30.00 spent"
    assert lines[-1] == said
    assert "- lead times are of all suppliers together" in result.stderr
    assert ORDERS["orders"][0]["reason"] not in result.stdout
    assert ORDERS["orders"][0]["reason"] in invplat("query", "orders", "shop", "--why").stdout


@pytest.mark.parametrize("width", [50, 60, 80, 100, 200])
def test_a_table_is_no_wider_than_the_terminal_and_its_figures_are_whole(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(width))
    long = {**ORDERS["orders"][0], "store": "牛乳" * 20, "sku": "a rather long name of a product", "order": 123456.0}
    draw(COLUMNS, [_row(long), _row(ORDERS["orders"][1])], ["why " * 60, "because"])
    lines = capsys.readouterr().out.splitlines()
    assert all(cell_len(click.unstyle(line)) <= width for line in lines)
    assert sum("123,456.0" in line and "7.50" in line for line in lines) == 1
    assert ("up to" in lines[0]) == (width >= 120)


def test_a_table_is_as_long_as_is_asked(invplat: Invplat, shop: Shop) -> None:
    result = invplat("query", "orders", "shop", "--rows", 1)
    assert "caviar" in result.stdout
    assert "milk" not in result.stdout
    assert "… and 1 more" in result.stdout


def test_stock_comes_from_a_file(invplat: Invplat, shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "stock.csv"
    path.write_text("\ufeffstore;sku;on_hand;lead_time\nberlin;milk, fresh;4;2.5\nbonn;tea;;\n\n", encoding="utf-8")
    assert invplat("query", "orders", "shop", "--stock", path, "--review", 7).exit_code == 0
    milk = {"store": "berlin", "sku": "milk, fresh", "on_hand": 4, "lead_time": 2.5}
    assert asked(shop) == {"items": [milk, {"store": "bonn", "sku": "tea"}], "defaults": {"review": 7}}
    assert invplat("query", "orders", "shop", "--stock", path, "--store", "berlin").exit_code == 0
    assert asked(shop) == {"items": [milk]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column store and no column sku"),
        ("store,on_hand\na,1\n", "no column sku"),
        ("store,sku,on_hand,on_hand\n", "two columns of one name"),
        ("store,sku,on_hand\na,b,many\n", "line 2: on_hand is 'many', which is no number"),
        ("store,sku,on_hand\na,b,nan\n", "line 2: on_hand is 'nan'"),
        ("store,sku,on_hand\na,b\n", "line 2: 2 cells where 3 are named"),
        ("store,sku,on_hand\n", "no item that was asked for"),
        ('store,sku\na,"b\n', "is not CSV"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(
    invplat: Invplat, shop: Shop, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "stock.csv"
    path.write_text(text)
    result = invplat("query", "orders", "shop", "--stock", path)
    assert result.exit_code == 2
    assert said in result.stderr
    assert shop.asked == []


def test_a_file_that_cannot_be_read_is_refused(invplat: Invplat, shop: Shop, tmp_path: Path) -> None:
    assert invplat("query", "orders", "shop", "--stock", tmp_path / "none.csv").exit_code == 2
    (tmp_path / "latin.csv").write_bytes("store,sku\nKöln,a\n".encode("latin-1"))
    result = invplat("query", "orders", "shop", "--stock", tmp_path / "latin.csv")
    assert (result.exit_code, "UTF-8" in result.stderr) == (2, True)


def test_answers_are_written_whole(invplat: Invplat, shop: Shop, tmp_path: Path) -> None:
    forecasts, orders, kpis = (tmp_path / name for name in ("f.csv", "o.csv", "k.csv"))
    for words in (("forecast", "shop", "--csv", forecasts), ("orders", "shop", "--csv", orders)):
        result = invplat("query", *words)
        assert (result.exit_code, result.stdout) == (0, ""), result.output
    assert invplat("query", "kpis", "shop", "--csv", kpis).exit_code == 0
    rows = table(forecasts)
    assert rows[0] == dict(zip(rows[0], ["berlin", "milk", "", "2024-06-01", "1", "0", "1", "2"], strict=True))
    assert len(rows) == 6
    assert list(rows[0]) == ["store", "sku", "group", "date", "mean", "q0.1", "q0.5", "q0.9"]
    first = table(orders)[0]
    assert (first["order"], first["exceptions"]) == ("12.0", "stockout")
    assert table(kpis)[0]["turnover"] == "8.25"


@pytest.mark.parametrize("what", ["forecast", "orders"])
def test_arrow_is_asked_for_and_written(invplat: Invplat, shop: Shop, tmp_path: Path, what: str) -> None:
    path = tmp_path / "new" / "a.arrow"
    result = invplat("query", what, "shop", "--arrow", path, "--json")
    assert json.loads(result.stdout) == {"file": str(path), "rows": 2}
    with pa.ipc.open_file(path) as reader:
        assert reader.read_all()["sku"].to_pylist()[0] == "milk"
    assert [one.name for one in path.parent.iterdir()] == ["a.arrow"]


def test_a_file_that_cannot_be_written_is_said(invplat: Invplat, shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    result = invplat("query", "orders", "shop", "--csv", tmp_path / "a" / "b.csv")
    assert (result.exit_code, "can't be written" in result.stderr) == (1, True)


def test_kpis_and_the_model_are_told(invplat: Invplat, shop: Shop) -> None:
    result = invplat("query", "kpis", "shop", "--by", "total", "--first", "2023-06-01")
    assert shop.asked[-1][2] == "by=total&first=2023-06-01"
    assert "shop · 1 Jun 2023 – 31 May 2024, 366 days" in result.stdout
    assert "97.0%" in result.stdout
    assert "8.2" in result.stdout
    assert "- a quarter of its cost a year" in result.stderr
    result = invplat("query", "model", "shop")
    assert "model reference  mlp@2" in result.stdout
    assert "metrics wape     0.31" in result.stdout


def test_kpis_of_groups_are_a_table(invplat: Invplat, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.cli import deployed

    groups = [{**deployed.KPIS["kpis"][0], "group": name} for name in ("dairy", "tea", None)]
    answer = {**deployed.KPIS, "by": "category", "kpis": groups}
    monkeypatch.setitem(deployed.ANSWERS, ("GET", "kpis"), answer)
    lines = invplat("query", "kpis", "shop", "--by", "category", "--rows", 2).stdout.splitlines()
    assert lines[3].split()[:4] == ["dairy", "12", "8.2", "97.0%"]
    assert lines[-1].startswith("… and 1 more")


def test_what_the_service_says_is_said(invplat: Invplat, shop: Shop) -> None:
    shop.refuse["orders"] = (404, {"title": "unknown", "detail": "there is no store 'berln'", "near": ["berlin"]})
    result = invplat("query", "orders", "shop", "--store", "berln")
    assert result.exit_code == 2
    assert result.stderr == "error: there is no store 'berln' (404)\n  did you mean berlin?\n"


def test_a_key_must_be_given_and_is_never_told(invplat: Invplat, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (("--key", f"{KEY}ö"), ("--url", "nowhere"), ("--url", f"http://u:{KEY}@a")):
        result = invplat("-v", "query", "orders", "shop", *words)
        assert (result.exit_code, "ssss" in result.output) == (2, False)
    monkeypatch.delenv("INVPLAT_KEY")
    result = invplat("query", "orders", "shop")
    assert (result.exit_code, "INVPLAT_KEY" in result.stderr) == (2, True)


def test_without_a_url_the_service_here_is_asked(
    invplat: Invplat, shop: Shop, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    from invplat.cli import running

    monkeypatch.delenv("INVPLAT_URL")
    result = invplat("query", "orders", "shop")
    assert (result.exit_code, "invplat deploy" in result.stderr) == (2, True)
    with running.claimed(home) as claim:
        result = invplat("query", "orders", "shop")
        assert (result.exit_code, "still starting" in result.stderr) == (2, True)
        claim.serves(shop.url)
        assert invplat("query", "orders", "shop").exit_code == 0
