"""What no example saw of the past is not read: longer histories, when they come, change no answer by themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import torch

from invplat.data.layout import Layout
from invplat.data.windows import Windows
from invplat.testing.panels import Case, made_panel, made_windows
from invplat.train.loop import fit, judged
from invplat.train.plan import Plan
from invplat.workload import Spec, Workload
from invplat_workloads import mlp, recurrent
from invplat_workloads.e2e import workload as e2e

CASE = Case(past=28, horizon=7, series=12, periods=90)
SPEC = Spec(past=28, horizon=7)
KNOWN = 18  # periods of history that the longest example of a young business has


def of_young_and_old() -> tuple[Windows, Windows]:
    """Examples of one business in its third week, and of the same when there is more than a whole past of it."""
    panel = made_panel(CASE)
    begun = panel.dates[0].item()
    whole = made_windows(CASE, panel.widened(CASE.past))
    young = whole.between(begun + timedelta(days=6), begun + timedelta(days=KNOWN - 1))
    return young, whole.between(begun + timedelta(days=40), panel.dates[-1])


def brute(windows: Windows) -> int:
    batch = windows.batch()
    observed = batch.past[:, :, windows.past_names.index("observed")] > 0
    return int(observed.any(dim=0).int().argmax())


def test_a_layout_says_how_much_of_the_past_no_example_saw() -> None:
    young, old = of_young_and_old()
    for found in (young, old, young.select(np.arange(5))):
        assert Layout.of(found, (0.5,)).unseen == brute(found)
    layout = Layout.of(young, (0.5,))
    assert layout.unseen == CASE.past - KNOWN
    assert Layout.from_json(layout.to_json()) == layout
    assert layout.to_json()["version"] == 2
    whole = Layout.of(old, (0.5,))
    assert "unseen" not in whole.to_json(), "as it was before there was such a thing"
    assert Layout.from_json(whole.to_json()) == whole


@pytest.mark.parametrize("workload", [mlp.WORKLOAD, e2e.WORKLOAD], ids=lambda workload: workload.name)
def test_what_no_example_saw_changes_no_answer(workload: Workload) -> None:
    young, old = of_young_and_old()
    layout = workload.layout(young, SPEC)
    assert layout.unseen == CASE.past - KNOWN
    net = workload.build(workload.space.defaults, layout).eval()
    batch = workload.examples(old, layout).batch(torch.arange(8))
    inputs = dict(workload.inputs(net, batch))
    before = net(**inputs)
    for name in ("past", "ahead"):
        inputs[name] = inputs[name].clone()
        inputs[name][:, : layout.unseen] += 3.0
    after = net(**inputs)
    for name, answer in before.items():
        assert torch.equal(answer, after[name]), name
    inputs["past"][:, layout.unseen :] += 3.0
    assert not torch.equal(before["mean"], net(**inputs)["mean"])


def test_a_net_that_comes_to_read_more_begins_as_it_was() -> None:
    young, old = of_young_and_old()
    layout, params = mlp.WORKLOAD.layout(young, SPEC), mlp.WORKLOAD.space.defaults
    net = mlp.WORKLOAD.build(params, layout).eval()
    whole = mlp.WORKLOAD.grafted(net, layout, params, replace(layout, unseen=0)).eval()
    batch = mlp.WORKLOAD.examples(old, layout).batch(torch.arange(8))
    inputs = mlp.WORKLOAD.inputs(net, batch)
    inputs["ids"] = torch.zeros_like(inputs["ids"])  # names are no part of what is grafted
    before, after = net(**inputs), whole(**inputs)
    for name, answer in before.items():
        torch.testing.assert_close(after[name], answer)


@pytest.mark.parametrize("workload", [mlp.WORKLOAD, recurrent.GRU], ids=lambda workload: workload.name)
def test_a_net_of_a_young_business_answers_an_older_one(workload: Workload) -> None:
    """Were what stands before the beginning read, it would answer the older one by weights that never meant anything:
    the longer it had learnt, the worse."""
    young, old = of_young_and_old()
    losses = {}
    for name, first in (("not read", CASE.past - KNOWN), ("read", 0)):
        layout = replace(workload.layout(young, SPEC), unseen=first)
        train, later = workload.examples(young, layout), workload.examples(old, layout)
        plan = Plan.of(workload.space.defaults, epochs=60, batch_size=32, patience=0)
        fitted = fit(workload, workload.space.defaults, layout, train, plan=plan)
        losses[name] = judged(workload, fitted.module.eval(), later, layout, "cpu")
    assert losses["not read"] < losses["read"]
