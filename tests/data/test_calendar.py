"""The calendar: cycles, paydays, holidays of the right store, public holidays of a country."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from invplat.core.errors import DatasetError
from invplat.data.calendar import calendar_columns, holiday_columns, read_holidays
from invplat.data.dataset import Dataset
from invplat.data.timeline import Timeline, as_day
from tests.data.memory import DAY0, day, memory_dataset, sales

MONTH = Timeline("daily", as_day(DAY0), 31)


def test_days_know_their_place_in_week_month_and_year() -> None:
    found = calendar_columns(MONTH, "ids")
    assert found["day_of_week"][:8].tolist() == [0, 1, 2, 3, 4, 5, 6, 0]
    assert found["weekend"][:8].tolist() == [0, 0, 0, 0, 0, 1, 1, 0]
    assert found["day_of_month"].tolist() == list(range(31))
    assert np.flatnonzero(found["payday"]).tolist() == [14, 30]
    assert set(found["month"].tolist()) == {0}


def test_cycles_close() -> None:
    found = calendar_columns(Timeline("daily", as_day(DAY0), 15), "cycles")
    assert found["day_of_week_sin"][0] == pytest.approx(found["day_of_week_sin"][7])
    assert found["day_of_week_sin"] ** 2 + found["day_of_week_cos"] ** 2 == pytest.approx(np.ones(15))
    assert set(calendar_columns(MONTH, "both")) == set(calendar_columns(MONTH, "ids")) | set(calendar_columns(MONTH))


def test_weeks_and_months_have_what_makes_sense_for_them() -> None:
    weeks = calendar_columns(Timeline("weekly", as_day(DAY0), 9), "ids")
    assert set(weeks) == {"month", "week_of_year", "payday"}
    assert weeks["week_of_year"].tolist() == list(range(9))
    assert weeks["payday"][:4].tolist() == [0, 0, 1, 0]  # 15 January; the 31st lies in the fifth week
    assert set(calendar_columns(Timeline("monthly", as_day(DAY0), 3), "ids")) == {"month"}
    with pytest.raises(DatasetError, match="sinus"):
        calendar_columns(MONTH, "sinus")


def shop(*events: dict[str, object]) -> Dataset:
    return memory_dataset(
        {
            "sales": sales("a", [1]) + sales("a", [1], store="s2"),
            "stores": [
                {"store": "s1", "city": "Quito", "region": "Pichincha"},
                {"store": "s2", "city": "Rome", "region": None},
            ],
            "events": events,
        }
    )


def test_a_store_keeps_its_own_holidays() -> None:
    dataset = shop(
        {"date": day(1), "name": "everywhere", "kind": "holiday"},
        {"date": day(2), "name": "the city's", "region": "Quito", "kind": "Local Holiday"},
        {"date": day(3), "name": "the region's", "region": "Pichincha"},
        {"date": day(4), "name": "the store's", "store": "s1", "kind": "holiday"},
        {"date": day(5), "name": "sale", "store": "s1", "kind": "campaign"},
    )
    first = holiday_columns(MONTH, read_holidays(dataset, "s1"))
    assert np.flatnonzero(first["holiday"]).tolist() == [1, 2, 3, 4]
    assert np.flatnonzero(first["event"]).tolist() == [5]
    second = holiday_columns(MONTH, read_holidays(dataset, "s2"))
    assert np.flatnonzero(second["holiday"]).tolist() == [1]
    assert second["event"].max() == 0


def test_holidays_are_felt_coming_and_gone_beyond_the_panel() -> None:
    dataset = shop({"date": day(-2), "name": "before"}, {"date": day(33), "name": "after"})
    found = holiday_columns(MONTH, read_holidays(dataset, "s1"))
    assert (found["holiday_since"][:3] * 28).tolist() == [2, 3, 4]
    assert (found["holiday_until"][-3:] * 28).tolist() == [5, 4, 3]
    assert found["holiday_until"][0] == 1


def test_weeks_count_their_holidays() -> None:
    dataset = shop(
        {"date": day(1), "name": "one"}, {"date": day(3), "name": "two"}, {"date": day(3), "name": "of two names"}
    )
    found = holiday_columns(Timeline("weekly", as_day(DAY0), 3), read_holidays(dataset, "s1"))
    assert found["holiday"].tolist() == [2, 0, 0]


def test_public_holidays_of_a_country_and_of_its_part() -> None:
    dataset = memory_dataset({"sales": sales("a", [1])})
    year = Timeline("daily", as_day(date(2024, 1, 1)), 366)
    found = read_holidays(dataset, "s1", country="US", around=year)
    assert as_day(date(2024, 7, 4)) in found.holidays
    part = read_holidays(dataset, "s1", country="US-TX", around=year)
    independence = as_day(date(2024, 3, 2))  # of Texas
    assert independence in part.holidays
    assert independence not in found.holidays
    with pytest.raises(DatasetError, match="Atlantis"):
        read_holidays(dataset, "s1", country="Atlantis", around=year)
