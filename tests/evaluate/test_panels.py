"""Reading every store: the same share of each where all is too much, and what could not be read said."""

from __future__ import annotations

import pytest

from invplat.core.errors import DatasetError
from invplat.data.dataset import Dataset
from invplat.evaluate.panels import periods, read_panels
from tests.data.memory import memory_dataset, sales


def dataset() -> Dataset:
    rows = []
    for store, skus in (("s1", 10), ("s2", 30)):
        for number in range(skus):
            rows += sales(f"sku-{number:02}", [1.0] * 50, store=store)
    return memory_dataset({"sales": rows})


def test_each_store_keeps_the_same_share_of_its_series() -> None:
    found = read_panels(dataset(), series=20)
    assert [len(panel.skus) for panel in found.panels] == [5, 15]
    assert "20 of 40 series are looked at" in found.notes[0]
    again = read_panels(dataset(), series=20)
    assert [panel.skus for panel in again.panels] == [panel.skus for panel in found.panels]
    assert read_panels(dataset(), series=20, seed=1).panels[1].skus != found.panels[1].skus


def test_memory_is_a_limit_too_and_enough_of_both_keeps_all() -> None:
    few = read_panels(dataset(), numbers=50 * 5 * 20)
    assert sum(len(panel.skus) for panel in few.panels) < 40
    whole = read_panels(dataset())
    assert (sum(len(panel.skus) for panel in whole.panels), whole.notes) == (40, ())


def test_a_store_without_a_usable_history_is_left_out_and_said() -> None:
    rows = [*sales("a", [1.0] * 80), *sales("a", [1.0] * 5, store="new", first=75)]
    found = read_panels(memory_dataset({"sales": rows}), frequency="monthly")
    assert [panel.store for panel in found.panels] == ["s1"]
    assert "store new is left out: store 'new' has no complete month" in found.notes[0]
    with pytest.raises(DatasetError, match="no store of shop has a usable history"):
        read_panels(memory_dataset({"sales": sales("a", [1.0] * 5)}), frequency="monthly")


def test_stores_are_told_as_they_are_read() -> None:
    told: list[tuple[int, int]] = []
    read_panels(dataset(), told=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


def test_periods_are_known_before_anything_is_read() -> None:
    assert periods(dataset()) == 50
    assert periods(dataset(), "weekly") <= 8
