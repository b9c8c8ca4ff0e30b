from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from invplat.core.errors import NameRefused, SettingRefused
from invplat.core.space import Choice, Space, Uniform
from invplat.tune.plan import StudyPlan
from tests.tune.studies import SPACE, plan_of


def test_a_plan_survives_json_and_differs_in_nothing() -> None:
    plan = plan_of(warm=("summer",), metrics=("cost", "size"), search="grid", trials=None)
    again = StudyPlan.from_json(json.loads(json.dumps(plan.to_json())))
    assert again.to_json() == plan.to_json()
    assert plan.differences(again) == []
    assert again.datasets == (("shop", 3),)
    assert again.space == SPACE


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"datasets": (("shop", 4),)}, "datasets was shop 3, is shop 4"),
        ({"code": "0.2.0"}, "code was 0.1.0, is 0.2.0"),
        ({"metrics": ("pinball", "size")}, "metrics was pinball, is pinball, size"),
        ({"trials": 64}, "trials was 32, is 64"),
        ({"warm": ("summer",)}, "warm was none, is summer"),
        ({"spec": {"past": 28, "quantiles": (0.1, 0.5)}}, "past was 56, is 28"),
        ({"spec": {"quantiles": (0.1, 0.5)}}, "spec had past, has it no more"),
        (
            {
                "space": Space(
                    {**SPACE.dimensions, "rate": Uniform(1e-4, 1e-1, 1e-3, log=True, grid=(1e-4, 1e-3, 1e-2))}
                )
            },
            "rate in the space: low was 1e-05, is 0.0001",
        ),
        ({"space": Space({**SPACE.dimensions, "layers": Choice((1, 2), 1)})}, "space has layers, which it had not"),
    ],
)
def test_what_differs_is_said(given: dict[str, Any], said: str) -> None:
    assert plan_of().differences(plan_of(**given)) == [said]


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ({"search": "bays"}, "search 'bays' is not known", "did you mean bayes"),
        ({"scheduler": "ash"}, "scheduler 'ash' is not known", "did you mean asha"),
        ({"trials": 0}, "trials = 0", "from 1 on"),
        ({"trials": None}, "a bayes search has no end of its own", "--trials 64"),
        ({"max_concurrent": 0}, "max_concurrent = 0", "from 1 on"),
        ({"epochs": 2.5}, "epochs = 2.5", "whole number"),
        ({"metrics": ()}, "metrics", "at least one"),
        ({"metrics": ("size", "size")}, "metrics", "each once"),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(SettingRefused, match=message) as refused:
        plan_of(**given)
    assert hint in str(refused.value.hint)


def test_a_study_s_name_is_no_path() -> None:
    with pytest.raises(NameRefused, match=r"study name '\.\./other'"):
        replace(plan_of(), name="../other")
