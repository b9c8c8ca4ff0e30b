"""Fits in a pack: each member ends as it would have alone, whatever happens to the others."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch

from invplat.core.errors import SettingRefused
from invplat.data.layout import Layout
from invplat.testing.panels import Case, made_windows
from invplat.train.chance import Alone, Draws
from invplat.train.fused import Member, fit_pack
from invplat.train.loop import Ended, Epoch, Fitted, fit
from invplat.train.material import Part
from invplat.train.plan import Plan
from invplat.workload import Source, Spec, Workload, find

SMALL: dict[str, dict[str, Any]] = {
    "mlp": {"hidden_one": 32, "hidden_two": 64},
    "e2e": {"hidden": 32, "channels": 8},
    "gru": {},
}
WITHIN = 1e-5


def made(workload: Workload) -> tuple[Layout, Source, Source]:
    windows = made_windows(Case(past=28, horizon=7, series=6, periods=80))
    layout = workload.layout(windows, Spec(past=28, horizon=7, quantiles=(0.1, 0.5, 0.9)))
    source = workload.examples(windows, layout)
    count = len(source)
    return layout, Part(source, torch.arange(0, count, 4)), Part(source, torch.arange(1, count, 8))


def members(workload: Workload, count: int, **given: Any) -> list[Member]:
    found = []
    for place in range(count):
        rate = {"learning_rate": 1e-3 * (place + 1)}
        drop = {name: 0.1 * place for name in workload.space.dimensions if name.startswith("dropout")}
        params = workload.space.check({**SMALL.get(workload.name, {}), **rate, **drop})
        options = {"epochs": 3, "patience": 0, "batch_size": 16, "order": 5, **given}
        plan = Plan.of({}, **options, learning_rate=params["learning_rate"], seed=place, weight_decay=0.01 * place)
        found.append(Member(params, plan))
    return found


def agree(one: Fitted, two: Fitted) -> None:
    assert (one.ended, one.best, len(one.history)) == (two.ended, two.best, len(two.history))
    for name, value in one.module.state_dict().items():
        assert torch.allclose(value, two.module.state_dict()[name], atol=WITHIN), f"{name} differs"
    for mine, theirs in zip(one.history, two.history, strict=True):
        assert mine.train == pytest.approx(theirs.train, rel=1e-4)
        assert mine.validation == pytest.approx(theirs.validation, rel=1e-4)
        assert mine.rate == theirs.rate


@pytest.mark.parametrize("name", ["mlp", "e2e"])
def test_a_member_ends_with_the_weights_it_would_have_had_alone(name: str) -> None:
    workload = find(name)
    layout, train, validation = made(workload)
    pack = members(workload, 3)
    found = fit_pack(workload, pack, layout, train, validation)
    for member, fitted in zip(pack, found, strict=True):
        agree(fit(workload, member.params, layout, train, validation, plan=member.plan), fitted)
    assert len({fitted.loss for fitted in found}) == 3, "members of one pack learnt the same"


def test_those_told_to_stop_leave_and_the_others_go_on_as_if_nothing_were() -> None:
    workload = find("mlp")
    layout, train, validation = made(workload)
    pack = members(workload, 4)
    seen: list[list[int]] = []

    def keep(number: int, epochs: Mapping[int, Epoch]) -> Collection[int]:
        seen.append(sorted(epochs))
        return [member for member in epochs if member not in ((0, 2) if number == 1 else (3,))]

    found = fit_pack(workload, pack, layout, train, validation, keep=keep)
    assert seen == [[0, 1, 2, 3], [1, 3], [1]]
    assert [fitted.ended for fitted in found] == [Ended.STOPPED, Ended.EPOCHS, Ended.STOPPED, Ended.STOPPED]
    agree(fit(workload, pack[1].params, layout, train, validation, plan=pack[1].plan), found[1])
    assert [len(fitted.history) for fitted in found] == [1, 3, 1, 2]


def test_patience_is_each_members_own() -> None:
    workload = find("mlp")
    layout, train, validation = made(workload)
    pack = members(workload, 3, epochs=8, patience=1, schedule="constant")
    pack[1] = replace(pack[1], plan=replace(pack[1].plan, learning_rate=0.01))
    found = fit_pack(workload, pack, layout, train, validation)
    for member, fitted in zip(pack, found, strict=True):
        agree(fit(workload, member.params, layout, train, validation, plan=member.plan), fitted)
    assert Ended.PATIENCE in {fitted.ended for fitted in found}


def test_one_that_diverges_is_told_of_and_stops_nobody() -> None:
    workload = find("mlp")
    layout, train, validation = made(workload)
    pack = members(workload, 3, clip=0.0)
    # A rate that throws the weights out of all numbers in a step or two.
    pack[1] = replace(pack[1], plan=replace(pack[1].plan, learning_rate=1e37))
    found = fit_pack(workload, pack, layout, train, validation)
    assert [fitted.ended for fitted in found] == [Ended.EPOCHS, Ended.DIVERGED, Ended.EPOCHS]
    assert "epoch 1, batch" in found[1].trouble
    alone = fit(workload, pack[1].params, layout, train, validation, plan=pack[1].plan)
    assert (alone.ended, alone.trouble) == (found[1].ended, found[1].trouble)
    assert all(bool(value.isfinite().all()) for value in found[1].module.state_dict().values())
    for place in (0, 2):
        agree(fit(workload, pack[place].params, layout, train, validation, plan=pack[place].plan), found[place])


def test_a_pack_of_all_that_diverge_ends() -> None:
    workload = find("mlp")
    layout, train, validation = made(workload)
    pack = [replace(member, plan=replace(member.plan, learning_rate=1e37)) for member in members(workload, 2, clip=0.0)]
    assert {fitted.ended for fitted in fit_pack(workload, pack, layout, train, validation)} == {Ended.DIVERGED}


def test_a_workload_that_cannot_be_stacked_is_trained_one_at_a_time() -> None:
    workload = find("mlp")
    layout, train, validation = made(workload)

    class Plain(type(workload)):  # type: ignore[misc]
        fusable = False

    pack = members(workload, 2)
    for one, two in zip(
        fit_pack(Plain(), pack, layout, train, validation),
        fit_pack(workload, pack, layout, train, validation),
        strict=True,
    ):
        agree(one, two)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"batch_size": 32}, "batch_size"),
        ({"epochs": 9}, "epochs"),
        ({"order": 6}, "order"),
    ],
)
def test_plans_of_a_pack_differ_in_their_own_entries_only(change: dict[str, int], said: str) -> None:
    workload = find("mlp")
    layout, train, validation = made(workload)
    one, two = members(workload, 2)
    with pytest.raises(SettingRefused, match=said):
        fit_pack(workload, [one, replace(two, plan=replace(two.plan, **change))], layout, train, validation)


def test_nets_of_two_shapes_are_no_pack() -> None:
    workload = find("mlp")
    layout, train, validation = made(workload)
    one, two = members(workload, 2)
    with pytest.raises(SettingRefused, match="hidden_one"):
        fit_pack(workload, [one, replace(two, params={**two.params, "hidden_one": 64})], layout, train, validation)


def test_a_stream_is_the_same_alone_and_beside_others_whatever_is_taken_at_a_time() -> None:
    alone, pack = Alone(3), Draws((2, 3, 4), "cpu")
    alone.begin(2)
    pack.begin(2)
    sizes = [(5, 7), (30_000,), (2,), (40_000,)]
    single = torch.cat([alone.uniform(size).flatten() for size in sizes])
    assert torch.equal(single, pack.take(35 + 30_000 + 2 + 40_000)[1])
    pack.keep([1])
    assert torch.equal(alone.uniform((9,)), pack.take(9)[0])
    first = single[:20].clone()
    alone.begin(3)
    assert not torch.equal(alone.uniform((20,)), first), "another epoch draws the same numbers"
