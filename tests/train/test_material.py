"""From datasets to examples: parts in time, nothing fitted on what comes later, several businesses as one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from invplat.core.errors import DatasetError
from invplat.train.material import Material, assembled, known_dates, read_material, usual_recipe
from invplat.workload import find
from tests.data.memory import day, memory_dataset, sales
from tests.train.shop import DAYS, shop

MLP = find("mlp")
SIZE = {"past": 14, "horizon": 7}


@pytest.fixture(scope="module")
def material() -> Material:
    return read_material(MLP, [shop()], **SIZE)


def test_every_part_holds_its_own_cutoffs(material: Material) -> None:
    schedule = material.businesses[0].schedule
    for name in ("train", "validation", "test"):
        rows = getattr(material, name).rows.numpy()
        cutoffs = set(material.windows.cutoffs[rows].astype("datetime64[D]").tolist())
        assert cutoffs <= set(getattr(schedule, name))
        assert len(rows) > 0
    assert len(set(schedule.every)) == len(schedule.every)


def test_young_series_are_learnt_from_too(material: Material) -> None:
    """The first cutoff has seen one day; without room before it, windows would begin after 14."""
    first = material.windows.cutoffs[material.train.rows.numpy()].min()
    assert first == np.datetime64(known_dates(material.businesses[0].panels)[0])


def test_what_comes_later_changes_nothing_that_is_learnt_from() -> None:
    cutoff = DAYS - 40
    one = read_material(MLP, [shop()], **SIZE)
    other = read_material(MLP, [shop(spoilt_after=cutoff)], **SIZE)
    ends = one.windows.cutoffs[one.train.rows.numpy()].astype("datetime64[D]")
    early = torch.from_numpy(np.flatnonzero(ends < np.datetime64("2024-01-01") + cutoff - SIZE["horizon"]))
    assert len(early) > 100
    mine, theirs = one.train.batch(early), other.train.batch(early)
    torch.testing.assert_close(mine.target, theirs.target, rtol=0, atol=0)
    torch.testing.assert_close(mine.level, theirs.level, rtol=0, atol=0)
    assert one.preparation.encoders == other.preparation.encoders


def test_the_layout_is_fitted_on_training_windows_only(material: Material) -> None:
    last = (max(material.businesses[0].schedule.train) - day(0)).days + SIZE["horizon"]
    assert read_material(MLP, [shop(spoilt_after=last)], **SIZE).layout == material.layout
    assert read_material(MLP, [shop(spoilt_after=last - 60)], **SIZE).layout != material.layout


def test_windows_are_drawn_where_there_are_more_than_asked_for() -> None:
    found = read_material(MLP, [shop()], **SIZE, most=60)
    assert [len(found.train), len(found.validation) <= 20] == [60, True]
    again = read_material(MLP, [shop()], **SIZE, most=60)
    assert found.train.rows.tolist() == again.train.rows.tolist()


def test_businesses_are_pooled_each_with_its_own_names() -> None:
    one, other = shop(), shop(seed=5)
    both = read_material(MLP, [one, other], **SIZE)
    alone = read_material(MLP, [one], **SIZE)
    assert len(both.train) == 2 * len(alone.train)
    assert len(both.businesses) == 2
    assert all(note.startswith("shop: ") for note in both.notes)


def test_columns_that_are_lacking_and_series_that_never_sold_are_said(material: Material) -> None:
    said = " ".join(material.notes)
    assert "without sales.promotion: a promotion looks like any other day" in said
    assert "2 series never sold anything" in said


def test_lead_times_are_read_for_those_that_decide_only(material: Material) -> None:
    class Deciding(type(MLP)):  # type: ignore[misc]
        predicts = frozenset({"quantiles", "mean", "order"})

    assert not material.businesses[0].lead_times
    found = read_material(Deciding(), [shop()], **SIZE)
    business = found.businesses[0]
    assert len(business.lead_times) == len(business.panels)
    assert set(business.lead_times[0].days.tolist()) == {3}


def test_what_can_t_be_learnt_from_is_refused() -> None:
    nothing = memory_dataset({"sales": sales("a", [0.0] * 60)})
    with pytest.raises(DatasetError, match="no series of shop ever sold anything"):
        read_material(MLP, [nothing])
    with pytest.raises(DatasetError, match="the history has 1 days"):
        read_material(MLP, [memory_dataset({"sales": sales("a", [3.0])})])
    with pytest.raises(DatasetError, match="no business"):
        read_material(MLP, [])
    weekly = memory_dataset({"sales": sales("a", [3.0] * 60, step=7)}, frequency="weekly")
    both = [read_material(MLP, [each], past=4, horizon=2) for each in (shop(), weekly)]
    with pytest.raises(DatasetError, match="daily and weekly"):
        assembled(MLP, both[0].spec, [each.businesses[0] for each in both])


def test_the_same_windows_on_another_device_s_tensors(material: Material) -> None:
    moved = material.to("cpu")
    which = torch.arange(3)
    torch.testing.assert_close(moved.test.batch(which).target, material.test.batch(which).target)


def test_a_year_ago_is_looked_at_where_history_is_long_enough_to_learn_from_it() -> None:
    assert usual_recipe("weekly", 13, 140).last_year == 0
    assert usual_recipe("weekly", 13, 156).last_year == 13
    assert usual_recipe("daily", 28, 5 * 365).last_year == 28
