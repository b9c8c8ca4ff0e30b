from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from invplat.evaluate.insights.findings import insights
from invplat.evaluate.insights.insight import Insight, ranked, severity
from invplat.evaluate.insights.terminal import SHOWN, render_terminal
from tests.evaluate.insights.made import Shop

LONG = "a product with a name that no table of a hundred columns can hold beside anything else"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Insight]:
    shop = Shop()
    for number in range(14):
        sku = f"{LONG} {number}"
        shop.product(sku, name=LONG, category=LONG, supplier=LONG)
        shop.sells("S1", sku, 3 + number, last=100 if number < 5 else 0, available=1.0)
        shop.holds("S1", sku, 20)
    for number in range(30):
        shop.delivers(LONG, 5, 60 + 5 * number)
    return insights(shop.dataset(tmp_path_factory.mktemp("terminal")))


@pytest.mark.parametrize("width", [60, 100, 160])
def test_it_fits_the_terminal(found: list[Insight], width: int) -> None:
    text = render_terminal(found, "corner-shop", width, colour=False)
    assert max(map(len, text.splitlines())) <= width


def test_a_few_rows_each_and_where_the_rest_is(found: list[Insight]) -> None:
    text = render_terminal(found, "corner-shop", 200, colour=False, rows=2)
    dead = next(one for one in found if one.name == "dead")
    assert len(dead.rows) == 5
    block = text.split("Dead stock")[1].split("\n\n")[0]
    assert sum(" S1 " in line for line in block.splitlines()) == 2
    assert "--csv FOLDER" in text
    for one in found:
        assert one.title in text


def test_what_could_not_be_had_is_said_once_for_all(found: list[Insight]) -> None:
    gone = [replace(one, sentence="", lacking=("no stock: bring some",)) for one in found[:3]]
    text = render_terminal([*found[3:], *gone], "corner-shop", 100, colour=False)
    assert text.count("no stock: bring some") == 1


def test_names_that_would_move_the_cursor_do_not(found: list[Insight]) -> None:
    dead = next(one for one in found if one.name == "dead")
    evil = replace(dead, rows=dead.rows.with_columns(sku=dead.rows["sku"].str.replace("a", "\x1b[31m")))
    assert "\x1b" not in render_terminal([evil], "corner-shop", 100, colour=False)


def test_everything_shown_is_in_the_rows(found: list[Insight]) -> None:
    for one in found:
        if one.known:
            assert {column for column, _, _ in SHOWN[one.name]} <= set(one.rows.columns)


def test_what_to_mend_comes_first_by_money_and_what_is_not_known_last(found: list[Insight]) -> None:
    assert found == ranked(found)
    act = [one.money.amount or 0.0 for one in found if one.act and one.known]
    assert act == sorted(act, reverse=True)
    places = [(not one.known, not one.act) for one in found]
    assert places == sorted(places)


def test_severity_is_beside_a_year_s_sales() -> None:
    assert [severity(amount, 1000.0) for amount in (None, 0.0, 0.5, 2.0, 20.0)] == [
        "none",
        "none",
        "low",
        "medium",
        "high",
    ]
    assert severity(5.0, 0.0) == "high"


def test_an_insight_is_json(found: list[Insight], tmp_path: Path) -> None:
    for one in found:
        told = json.loads(json.dumps(one.to_dict(limit=1), allow_nan=False))
        assert len(told["rows"]) <= 1
        assert told["rows_in_all"] == len(one.rows)
        assert told["money"]["amount"] == one.money.amount
