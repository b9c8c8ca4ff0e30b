"""A jump of demand is told within two weeks, and is none where the past knows the like or only a part has changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from invplat.monitor.facts import read_facts
from invplat.monitor.finding import Finding
from invplat.monitor.level import jumps
from invplat.monitor.silence import unknown
from tests.monitor.shop import DAYS, END, TENANT, Shop, World, day, world

FORTNIGHT = DAYS - 14


def told(shop: Shop, plant: Callable[[World], None], days: int = DAYS) -> list[Finding]:
    made = world()
    plant(made)
    shop.add(made, until=days)
    facts = read_facts(shop.database, shop.storage, TENANT, END - timedelta(days=DAYS - days))
    return jumps(facts, unknown(facts))


@pytest.mark.parametrize(("times", "way"), [(1.7, "above"), (0.5, "below")])
def test_a_jump_is_told_with_its_day(shop: Shop, times: float, way: str) -> None:
    def plant(made: World) -> None:
        made.truth[:, FORTNIGHT:] *= times

    (one,) = told(shop, plant)
    assert (one.kind, one.subject) == ("drift", "demand")
    assert one.since == str(day(FORTNIGHT))
    assert f"{way} that of the 6 before" in one.sentence
    assert one.figures["times"] == pytest.approx(times, rel=0.1)  # and the season


def test_what_the_past_knows_is_no_news(shop: Shop) -> None:
    def plant(made: World) -> None:
        made.truth[:, 150:164] *= 1.8
        made.truth[:, FORTNIGHT:] *= 1.7

    assert told(shop, plant) == []


def test_of_a_young_business_twice_as_much_is_asked(shop: Shop) -> None:
    def plant(made: World) -> None:
        made.truth[:, 200 - 14 :] *= 1.6

    assert told(shop, plant, 200) == []


def test_new_products_and_a_closed_store_are_no_jump(shop: Shop) -> None:
    def plant(made: World) -> None:
        made.gone[made.rows("snacks"), :FORTNIGHT] = True
        made.gone[made.rows("B"), FORTNIGHT:] = True

    assert told(shop, plant) == []


def test_little_is_known_of_a_short_history(shop: Shop) -> None:
    def plant(made: World) -> None:
        made.truth[:, 84:] *= 3

    assert told(shop, plant, 98) == []
