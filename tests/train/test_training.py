"""From material to a model: judged once beside the naive, with a lineage that says what it has seen."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import pytest
import torch

from invplat.core.errors import SettingRefused
from invplat.evaluate.compare import Comparison
from invplat.model import Model
from invplat.train.material import Material, read_material
from invplat.train.training import Trained, origins_at, seen_note, trained
from invplat.workload import find
from tests.train.shop import TINY, shop

PLAN = {"epochs": 3, "patience": 2}


@pytest.fixture(scope="module")
def material() -> Material:
    return read_material(find("mlp"), [shop()], past=14, horizon=7, most=600)


@pytest.fixture(scope="module")
def made(material: Material) -> Iterator[Trained]:
    return trained(material, params=TINY, plan=PLAN)  # type: ignore[return-value]


def test_it_is_judged_beside_the_naive_forecasts(made: Trained, material: Material) -> None:
    assert {row.model for row in made.rows} == {"mlp", "seasonal_naive", "seasonal_naive_year"}
    assert made.cutoffs == material.businesses[0].schedule.test
    test = made.model.metrics["test"]
    assert set(test) == {row.model for row in made.rows}
    assert all(np.isfinite(test["mlp"][name]) for name in ("rmse", "wape", "pinball"))
    assert len(made.model.metrics["training"]["validation"]) == len(made.fitted.history)


def test_its_lineage_ends_where_validation_does(made: Trained, material: Material) -> None:
    lineage = made.model.lineage
    schedule = material.businesses[0].schedule
    assert lineage["dataset"]["version"] == 1
    assert date.fromisoformat(lineage["saw_until"]) == origins_at(schedule.validation[-1:], "daily", 7)[0].last
    assert date.fromisoformat(lineage["saw_until"]) <= schedule.test[0]


def test_the_same_seed_gives_the_same_bundle_and_it_says_the_same(made: Trained, material: Material) -> None:
    again = trained(material, params=TINY, plan=PLAN)
    assert again.model.bundle().weights == made.model.bundle().weights
    opened = Model.of(made.model.bundle())
    one, other = (model.predict(material.windows) for model in (opened, made.model))
    torch.testing.assert_close(one.mean, other.mean)


def test_whole_learns_from_the_test_part_too_and_says_so(made: Trained, material: Material) -> None:
    whole = trained(material, params=TINY, plan=PLAN, whole=True)
    assert whole.model.bundle().weights != made.model.bundle().weights
    assert whole.model.metrics["test"] == made.model.metrics["test"]  # figures are of the fit that was judged
    assert date.fromisoformat(whole.model.lineage["saw_until"]) > date.fromisoformat(made.model.lineage["saw_until"])


def test_params_that_the_workload_does_not_have_are_refused(material: Material) -> None:
    with pytest.raises(SettingRefused, match="hiden_one"):
        trained(material, params={"hiden_one": 32})


@pytest.mark.parametrize(
    ("lineage", "words"),
    [
        ({}, "may have seen what it is judged on"),
        ({"saw_until": "2024-03-01"}, "has seen nothing of what it is judged on"),
        ({"saw_until": "2024-04-20"}, "followed 1 of 2 origins (2024-04-01)"),
    ],
)
def test_what_a_model_has_seen_is_said(lineage: dict[str, Any], words: str) -> None:
    cutoffs = (date(2024, 4, 1), date(2024, 4, 29))
    found = Comparison("shop", ("mlp@1",), "daily", 7, 28, cutoffs, {})
    assert words in seen_note(found, "mlp@1", lineage).notes[0]


def test_origins_follow_the_calendar() -> None:
    month = origins_at([date(2024, 1, 1)], "monthly", 2)[0]
    assert (month.first, month.last) == (date(2024, 2, 1), date(2024, 3, 1))
    week = origins_at([date(2024, 1, 3)], "weekly", 2)[0]
    assert (week.first, week.last) == (date(2024, 1, 10), date(2024, 1, 17))
